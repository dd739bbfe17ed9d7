"""How a slot retries and replaces, with decoders whose answers are written beforehand."""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from taskworker_classifyimage.decode import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.errors import (
    DamagedPicture,
    DecodersUnusable,
    Killed,
    NeedsMemory,
    TooSlow,
)
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.deaths import Deaths
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.messages import Job, Kind, send_answer, send_decoded
from taskworker_classifyimage.sandbox.process import DecoderProcess
from taskworker_classifyimage.sandbox.worker_slot import WorkerSlot, describe_exit

SPEC = InputSpec(size=2, crop=None)
JOB = Job(b"a picture", SPEC, DecodeLimits())
DECODED = Decoded(np.zeros((2, 2, 3), np.uint8), PictureFacts("PNG", 2, 2, 1, "test"))

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@dataclass
class Decoder:
    """What one decoder sends, and how it ends when there is no more."""

    answers: Callable[[Channel], None]
    exit_code: int = 0


def decodes(channel: Channel) -> None:
    send_answer(channel, Kind.READY, ["seccomp"])
    send_decoded(channel, DECODED)


def refuses(channel: Channel) -> None:
    send_answer(channel, Kind.READY, [])
    send_answer(channel, Kind.REFUSED, ["damaged", "a reason"])


def dies(channel: Channel) -> None:
    send_answer(channel, Kind.READY, [])


def babbles(channel: Channel) -> None:
    send_answer(channel, Kind.READY, [])
    send_answer(channel, Kind.DECODED, "no facts")


def needs_memory(channel: Channel) -> None:
    send_answer(channel, Kind.READY, [])
    send_answer(channel, Kind.NEEDS_MEMORY, 1000)


def needs_libraries(channel: Channel) -> None:
    send_answer(channel, Kind.READY, [])
    send_answer(channel, Kind.NEEDS_LIBRARIES, None)


def has_a_fault(channel: Channel) -> None:
    send_answer(channel, Kind.FAULT, "a module is missing")


class Launcher:
    """Starts the given decoders one after the other, then fails."""

    def __init__(self, *decoders: Decoder, time_s: float = 3600) -> None:
        self.limits = ProcessLimits(time_s, 2**30)
        self.left = list(decoders)
        self.on_end: Callable[[], None] = lambda: None
        self.expects_rare = False

    def open(self) -> None:
        pass

    def launch(self) -> DecoderProcess:
        if not self.left:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        decoder, sent = self.left.pop(0), io.BytesIO()
        decoder.answers(Channel(io.BytesIO(), sent))
        channel = Channel(Answers(sent.getvalue(), self.on_end), io.BytesIO())
        return DecoderProcess(
            channel,
            kill=lambda: None,
            reap=lambda: decoder.exit_code,
            decodes_rare=self.expects_rare,
        )

    def expect_rare(self) -> None:
        self.expects_rare = True

    def close(self) -> None:
        pass


class Answers(io.BytesIO):
    """Calls a function when everything has been read, as a decoder would hang there."""

    def __init__(self, content: bytes, on_end: Callable[[], None]) -> None:
        super().__init__(content)
        self.on_end = on_end

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # as Channel calls it
        count = super().readinto(buffer)
        if not count:
            self.on_end()
        return count


def slot_with(launcher: Launcher) -> WorkerSlot:
    return WorkerSlot(launcher, Deaths(None))


def test_the_second_attempt_counts() -> None:
    """The first death may be the fault of an earlier picture."""
    launcher = Launcher(Decoder(dies, -9), Decoder(decodes))
    slot = slot_with(launcher)
    assert slot.decode(JOB).facts == DECODED.facts
    assert slot.protections == ("seccomp",)
    assert launcher.left == []


@on_posix
def test_the_second_death_is_the_fault_of_the_picture() -> None:
    """No third decoder is started for it."""
    launcher = Launcher(Decoder(dies, -9), Decoder(dies, -11), Decoder(decodes))
    with pytest.raises(Killed, match="ended 2 processes, the last by SIGSEGV"):
        slot_with(launcher).decode(JOB)
    assert len(launcher.left) == 1


def test_a_death_beside_other_pictures_is_nobodys_fault_yet() -> None:
    """They may have taken the memory; then it counts, and one more death alone is the end."""
    launcher = Launcher(*[Decoder(dies, -9)] * 3)
    slot, beside = slot_with(launcher), replace(JOB, is_alone=False)
    for _ in range(2):
        with pytest.raises(NeedsMemory) as caught:
            slot.decode(beside)
        assert caught.value.needed_bytes is None
    with pytest.raises(Killed, match="ended 3 processes"):
        slot.decode(JOB)


def test_a_decoder_says_what_memory_it_needs() -> None:
    """That ends neither the decoder nor the picture."""
    launcher = Launcher(Decoder(needs_memory), Decoder(decodes))
    job = replace(JOB, limits=DecodeLimits(memory_bytes=999))
    with pytest.raises(NeedsMemory) as caught:
        slot_with(launcher).decode(job)
    assert caught.value.needed_bytes == 1000
    assert len(launcher.left) == 1


def test_a_decoder_without_the_libraries_is_replaced_by_one_that_has_them() -> None:
    """That is no death of a decoder, and the next pictures stay with the new one."""
    launcher = Launcher(Decoder(needs_libraries), Decoder(decodes))
    slot = slot_with(launcher)
    assert slot.decode(JOB).facts == DECODED.facts
    assert launcher.expects_rare
    assert not slot.ends.total()


def test_asking_for_libraries_that_were_given_is_invalid() -> None:
    """Or a decoder that was taken over could ask for ever."""
    launcher = Launcher(*[Decoder(needs_libraries)] * 3, Decoder(decodes))
    with pytest.raises(Killed, match="ended 2 processes, the last by an invalid answer"):
        slot_with(launcher).decode(JOB)
    assert len(launcher.left) == 1


@pytest.mark.parametrize("given", [None, 1000, 2000])
def test_asking_for_memory_that_was_given_is_invalid(given: int | None) -> None:
    """Or a decoder that was taken over could ask for ever."""
    launcher = Launcher(Decoder(needs_memory), Decoder(needs_memory))
    job = replace(JOB, limits=DecodeLimits(memory_bytes=given))
    with pytest.raises(Killed, match="invalid answer"):
        slot_with(launcher).decode(job)


def test_an_invalid_answer_counts_as_a_death() -> None:
    """A picture may have taken the decoder over."""
    launcher = Launcher(Decoder(babbles), Decoder(babbles))
    with pytest.raises(Killed, match="invalid answer: str where PictureFacts is expected"):
        slot_with(launcher).decode(JOB)


def test_a_refusal_ends_the_picture_and_not_the_decoder() -> None:
    """The error and its message reach the task."""
    launcher = Launcher(Decoder(refuses), Decoder(decodes))
    with pytest.raises(DamagedPicture, match="a reason"):
        slot_with(launcher).decode(JOB)
    assert len(launcher.left) == 1


@on_posix
def test_a_decoder_that_used_up_its_cpu_time_is_not_tried_again() -> None:
    """The kernel ends it by SIGPROF."""
    launcher = Launcher(Decoder(dies, -signal.SIGPROF), Decoder(decodes))
    with pytest.raises(TooSlow, match="more than 3600 s"):
        slot_with(launcher).decode(JOB)
    assert len(launcher.left) == 1


def test_a_decoder_that_misses_its_deadline_is_not_tried_again() -> None:
    """Another thread checks the deadline while this one waits for the answer."""
    launcher = Launcher(Decoder(dies), Decoder(decodes), time_s=-1)
    slot = slot_with(launcher)
    launcher.on_end = slot.check
    with pytest.raises(TooSlow):
        slot.decode(JOB)
    assert len(launcher.left) == 1


@pytest.mark.parametrize(
    ("decoders", "reason"),
    [
        ([Decoder(has_a_fault)] * 3, "a module is missing"),
        ([Decoder(lambda _: None)] * 3, "closed"),
        ([], os.strerror(errno.EAGAIN)),
    ],
)
def test_decoders_that_do_not_start_are_an_error_with_the_reason(
    decoders: list[Decoder], reason: str
) -> None:
    """After three attempts: a fault that it reports, an exit, or no process to be had."""
    launcher = Launcher(*decoders)
    with pytest.raises(DecodersUnusable, match=f"do not start: .*{reason}"):
        slot_with(launcher).decode(JOB)
    assert launcher.left == []


def test_a_closed_slot_starts_nothing() -> None:
    """Otherwise a stop would leave a process behind."""
    launcher = Launcher(Decoder(decodes))
    slot = slot_with(launcher)
    slot.close()
    with pytest.raises(DecodersUnusable, match="closed"):
        slot.decode(JOB)
    assert len(launcher.left) == 1


@on_posix
def test_exit_codes_are_described() -> None:
    """With the usual cause of some signals."""
    assert describe_exit(3) == "exit code 3"
    assert describe_exit(-11) == "SIGSEGV"
    assert describe_exit(-9) == "SIGKILL, as when memory runs out"
    assert describe_exit(-250) == "signal 250"
