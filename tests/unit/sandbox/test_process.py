import io

from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.process import DecoderProcess


class Calls:
    """A process that only records what is done to it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.process = DecoderProcess(
            Channel(io.BytesIO(), io.BytesIO()),
            kill=lambda: self.names.append("kill"),
            reap=self._reap,
        )

    def _reap(self) -> int:
        self.names.append("reap")
        return 3


def test_a_missed_deadline_kills() -> None:
    """Only while it is set, and the reason is known afterwards."""
    calls = Calls()
    calls.process.check()
    with calls.process.within(3600):
        calls.process.check()
    assert calls.names == []
    assert not calls.process.is_late
    with calls.process.within(-1):
        calls.process.check()
    assert calls.names == ["kill"]
    assert calls.process.is_late


def test_a_reaped_process_is_never_killed() -> None:
    """Its process ID may belong to another process by then."""
    calls = Calls()
    assert calls.process.reap() == 3
    calls.process.kill()
    with calls.process.within(-1):
        calls.process.check()
    assert calls.names == ["reap"]
    assert not calls.process.is_late
