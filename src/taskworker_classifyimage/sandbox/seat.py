"""A place for one decoder: has it decode, finds out what it died of, puts a new one there."""

import logging
import signal
import threading
import time
from typing import Final

from taskworker_classifyimage.decode import Decoded
from taskworker_classifyimage.errors import DecodersUnusable, Killed, TaskError, TooSlow, one_line
from taskworker_classifyimage.sandbox.channel import Broken, Gone
from taskworker_classifyimage.sandbox.deaths import Deaths
from taskworker_classifyimage.sandbox.guarded import GuardedProcess
from taskworker_classifyimage.sandbox.launcher import Launcher
from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.messages import Job, read_decoded, read_ready, send_job

_log = logging.getLogger(__name__)

#: An earlier picture may have harmed a decoder, so only the second one that dies of it counts.
_MOST_DEATHS: Final = 2
#: So that neither what leaks nor whoever took a decoder over lasts.
_PICTURES_A_PROCESS: Final = 500
#: To load the decoders from a disk that is very busy.
_START_S: Final = 60.0
_STARTS: Final = 3
_START_PAUSE_S: Final = 0.5


class Seat:
    """Used by one thread at a time; `check` and `close` are for any other.

    Attributes:
        holds: what keeps its decoder in.
    """

    def __init__(self, launcher: Launcher, limits: ProcessLimits, deaths: Deaths) -> None:
        self._launcher = launcher
        self._limits = limits
        self._deaths = deaths
        self._process: GuardedProcess | None = None
        self._closed = threading.Event()
        self.holds: tuple[str, ...] = ()

    def decode(self, job: Job) -> Decoded:
        """One picture, within the time limit all tries together.

        Raises:
            TaskError: it cannot be decoded, takes too long, or kills every decoder.
            DecodersUnusable: no decoder starts.
        """
        try:
            decoded = self._tried(job)
        except TaskError:
            self._deaths.forget(job.encoded)
            raise
        self._deaths.forget(job.encoded)
        return decoded

    def _tried(self, job: Job) -> Decoded:
        left_s = self._limits.time_s
        while True:
            process = self._fit_process()
            start_s = time.monotonic()
            try:
                with process.within(left_s):
                    send_job(process.channel, job)
                    return read_decoded(process.channel, job.spec)
            except Broken as err:
                cause = self._autopsy(process, err)
            count = self._deaths.add(job.encoded)
            if count >= _MOST_DEATHS:
                raise Killed(f"decoding ended {count} processes, the last by {cause}")
            left_s -= time.monotonic() - start_s

    def start(self) -> GuardedProcess:
        """Puts a new decoder there and waits until it is up.

        Raises:
            DecodersUnusable: several in a row do not come up.
        """
        problem = ""
        for _ in range(_STARTS):
            self._check_open()
            try:
                process = self._process = GuardedProcess(self._launcher.launch())
                with process.within(_START_S):
                    self.holds = read_ready(process.channel)
            except (OSError, Broken, RuntimeError) as err:
                problem = one_line(err)
                self.clear()
                self._closed.wait(_START_PAUSE_S)
            else:
                return process
        raise DecodersUnusable(f"the processes that decode pictures do not start: {problem}")

    def check(self) -> None:
        """Ends a decoder that takes longer than it may."""
        if (process := self._process) is not None:
            process.check()

    def close(self) -> None:
        """Ends the decoder, whatever it does, and starts no other."""
        self._closed.set()
        if (process := self._process) is not None:
            process.kill()

    def clear(self) -> int:
        """Leaves the place empty; gives the exit code of the decoder that was there."""
        process, self._process = self._process, None
        return 0 if process is None else process.bury()

    def _fit_process(self) -> GuardedProcess:
        process = self._process
        if process is not None and (process.is_late or process.pictures >= _PICTURES_A_PROCESS):
            self.clear()
            process = None
        process = process or self.start()
        process.pictures += 1
        return process

    def _autopsy(self, process: GuardedProcess, err: Broken) -> str:
        """What a decoder died of; raises `TooSlow` if it was time."""
        code = self.clear()
        self._check_open()
        if process.is_late or (hasattr(signal, "SIGPROF") and code == -signal.SIGPROF):
            _log.warning("a decoder took over %g s and is replaced", self._limits.time_s)
            raise TooSlow(f"decoding takes more than {self._limits.time_s:g} s") from None
        cause = _told(code) if isinstance(err, Gone) else f"an answer without sense: {err}"
        _log.warning("a decoder ended by %s and is replaced", cause)
        return cause

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise RuntimeError("the decoders are closed")


def _told(exit_code: int) -> str:
    """An exit code in words."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    hints = {"SIGSYS": ", doing what no decoder may", "SIGKILL": ", as when memory runs out"}
    return name + hints.get(name, "")
