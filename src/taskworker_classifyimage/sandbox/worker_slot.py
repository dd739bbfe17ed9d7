"""A place for one decoder process: retries a picture and replaces the process when it has to."""

import logging
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Final

from taskworker_classifyimage.decode import Decoded
from taskworker_classifyimage.errors import (
    DecodersUnusable,
    Killed,
    NeedsMemory,
    TaskError,
    TooSlow,
    one_line,
)
from taskworker_classifyimage.sandbox.channel import ChannelBroken, ChannelClosed
from taskworker_classifyimage.sandbox.deaths import Deaths
from taskworker_classifyimage.sandbox.messages import (
    Job,
    NeedsLibraries,
    read_decoded,
    read_ready,
    send_job,
)
from taskworker_classifyimage.sandbox.process import DecoderProcess, Launcher

_log = logging.getLogger(__name__)

#: The first death may be the fault of an earlier picture that damaged the decoder.
_MAX_DEATHS: Final = 2
#: Bounds memory leaks of libraries, and how long a picture controls a decoder it has taken over.
_PICTURES_PER_PROCESS: Final = 500
#: Enough to load the decoding libraries from a very busy disk.
_START_S: Final = 60.0
_START_ATTEMPTS: Final = 3
_START_PAUSE_S: Final = 0.5

#: What usually causes these signals.
_HINTS: Final = {
    "SIGSYS": ", a system call that no decoder may make",
    "SIGKILL": ", as when memory runs out",
}


class WorkerSlot:
    """Used by one thread at a time; any other may call `check` and `close`.

    Attributes:
        protections: what restricts its decoder, see `lockdown`.
        ends: how many decoders ended unexpectedly, by cause: they took too long, died of a
            picture, or were found dead or restless.
        fault: why no decoder started when one was needed last; None: one did.
    """

    def __init__(self, launcher: Launcher, deaths: Deaths) -> None:
        self.protections: tuple[str, ...] = ()
        self.ends = Counter[str]({"too_slow": 0, "died": 0, "unfit": 0})
        self.fault: str | None = None
        self._launcher = launcher
        self._deaths = deaths
        self._process: DecoderProcess | None = None
        self._closed = threading.Event()

    def decode(self, job: Job) -> Decoded:
        """Decodes one picture; the time limit holds for all attempts together.

        Raises:
            TaskError: the picture cannot be decoded, takes too long, or kills every decoder.
            NeedsMemory: it needs more than the job allows, or, unless it is decoded alone, has
                killed a decoder, perhaps for want of memory.
            DecodersUnusable: no decoder starts.
        """
        try:
            decoded = self._decode_with_retry(job)
        except NeedsMemory:
            raise
        except TaskError:
            self._deaths.forget(job.encoded)
            raise
        self._deaths.forget(job.encoded)
        return decoded

    def start(self) -> DecoderProcess:
        """Starts a decoder and waits until it is up.

        Raises:
            DecodersUnusable: several in a row do not come up.
        """
        problem: Exception | None = None
        for attempt in range(_START_ATTEMPTS):
            if attempt:
                self._closed.wait(_START_PAUSE_S)
            self._check_open()
            try:
                process = self._process = self._launcher.launch()
                with process.within(_START_S):
                    self.protections = read_ready(process.channel)
                process.note_ready()
            except (OSError, ChannelBroken, RuntimeError) as err:
                problem = err
                self.clear()
            else:
                self.fault = None
                return process
        assert problem is not None  # noqa: S101 - there was an attempt
        self.fault = f"the processes that decode pictures do not start: {one_line(problem)}"
        raise DecodersUnusable(self.fault) from problem

    def check(self) -> None:
        """Kills a decoder that has missed its deadline, or that does what nobody asked for."""
        if (process := self._process) is not None:
            process.check()

    def close(self) -> None:
        """Kills the decoder, whatever it is doing, and keeps others from being started."""
        self._closed.set()
        if (process := self._process) is not None:
            process.kill()

    @property
    def pid(self) -> int | None:
        """Process ID of its decoder, if there is one."""
        process = self._process
        return None if process is None else process.pid

    def clear(self) -> int:
        """Empties the slot; returns the exit code of the decoder that was in it."""
        process, self._process = self._process, None
        return 0 if process is None else process.reap()

    def _decode_with_retry(self, job: Job) -> Decoded:
        left_s = self._launcher.limits.time_s
        while True:
            process = self._get_process()
            start_s = time.monotonic()
            try:
                with process.within(left_s):
                    send_job(process.channel, job)
                    decoded = read_decoded(process.channel, job)
                return replace(decoded, maker=process.maker)
            except ChannelBroken as err:
                left_s -= time.monotonic() - start_s
                if isinstance(err, NeedsLibraries) and not process.decodes_rare:
                    self._launcher.expect_rare()
                    self.clear()
                    continue
                cause = self._explain_end(process, err)
            count = self._deaths.add(job.encoded)
            if not job.is_alone:
                raise NeedsMemory(None, job.limits.memory_bytes or 0)
            if count >= _MAX_DEATHS:
                raise Killed(f"decoding ended {count} processes, the last by {cause}")

    def _get_process(self) -> DecoderProcess:
        process = self._process
        if process is not None and process.pictures >= _PICTURES_PER_PROCESS:
            self.clear()
            process = None
        if process is not None and not process.is_fit:
            self._check_open()
            self.ends["unfit"] += 1
            _log.warning("a decoder has ended, or does more than it was asked for, and is replaced")
            self.clear()
            process = None
        process = process or self.start()
        process.pictures += 1
        return process

    def _explain_end(self, process: DecoderProcess, err: ChannelBroken) -> str:
        """Empties the slot; returns what ended the decoder, or raises `TooSlow` if time did."""
        code = self.clear()
        self._check_open()
        limit_s = self._launcher.limits.time_s
        if process.is_late or (hasattr(signal, "SIGPROF") and code == -signal.SIGPROF):
            self.ends["too_slow"] += 1
            _log.warning("a decoder took more than %g s and is replaced", limit_s)
            raise TooSlow(f"decoding takes more than {limit_s:g} s") from None
        self.ends["died"] += 1
        invalid = not isinstance(err, ChannelClosed)
        cause = f"an invalid answer: {err}" if invalid else describe_exit(code)
        _log.warning("a decoder ended by %s and is replaced", cause)
        return cause

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise DecodersUnusable("the decoders are closed")


def describe_exit(code: int) -> str:
    """An exit code, or minus a signal's number, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return name + _HINTS.get(name, "")
