import signal
import sys
from pathlib import Path

import pytest

from support.programs import Program, RunningBridge
from support.small_worker import small_worker
from support.waiting import wait_until


def elsewhere(url: str, state: Path) -> Program:
    """A worker of the same name on what passes for another machine: it shares no files."""
    return small_worker(url, "w", "--state", str(state))


def test_a_second_process_of_a_name_is_refused(running_bridge: RunningBridge) -> None:
    """On one machine it is known at once, and said in one line."""
    with small_worker(running_bridge.url, "w") as first:
        first.wait_for("works for")
        with small_worker(running_bridge.url, "w") as second:
            assert second.wait() == 2
            assert second.printed.count("\n") == 1
            assert "a worker with the name 'w' works for" in second.printed
        with small_worker(running_bridge.url, "v") as other:
            other.wait_for("works for")
            assert other.stop() == 0
        assert first.process.poll() is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_living_neighbour_elsewhere_keeps_its_tasks(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Whoever comes later waits, and takes up nothing of what the other has in hand."""
    api = running_bridge.api
    with elsewhere(running_bridge.url, tmp_path / "a") as first:
        wait_until(lambda: api.json("GET", "workers/list/"))
        with elsewhere(running_bridge.url, tmp_path / "b") as second:
            second.wait_for("another worker with the name 'w' asks")
            # Is the first one at work on it? That is all that the second one can know.
            first.process.send_signal(signal.SIGSTOP)
            task_id = api.add({}, b"no picture")
            if api.status(task_id) == "open":
                # Its take did not wait just now.
                api.json("POST", "tasks/take/", {"type": "classifyimage", "worker": "w"})
            assert second.stop() == 0
        assert api.status(task_id) == "inprogress"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_quick_restart_is_not_locked_out(running_bridge: RunningBridge, tmp_path: Path) -> None:
    """The bridge still remembers the dead one, on this machine or on another."""
    api = running_bridge.api
    for state in ("a", "a", "b"):
        with elsewhere(running_bridge.url, tmp_path / state) as program:
            assert api.wait_for_result(api.add({}, b"no picture"))["code"] == "unsupported_format"
            program.kill()
            assert "another worker" not in program.printed
