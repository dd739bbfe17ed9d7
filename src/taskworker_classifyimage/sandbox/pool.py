"""All decoders of a program: whoever has a picture gets the next one that is free."""

import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from taskworker_classifyimage.decode import Decoded, DecodeLimits
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.machine import usable_cores
from taskworker_classifyimage.sandbox.deaths import Deaths
from taskworker_classifyimage.sandbox.forking import ForkLauncher
from taskworker_classifyimage.sandbox.launcher import Launcher
from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.messages import Job
from taskworker_classifyimage.sandbox.seat import Seat
from taskworker_classifyimage.sandbox.spawning import SpawnLauncher

#: How exact time limits are.
_CHECK_S: Final = 0.2
#: A killed process is gone at once, unless the kernel is busy with it.
_CLOSE_S: Final = 2.0

#: The function that decoders run, as "module:name".
DECODE: Final = "taskworker_classifyimage.decode:decode"


class DecoderPool:
    """Decodes pictures in other processes; may be used from several threads at once.

    A context manager: entering starts what takes time to start, and waits for nothing.

    Attributes:
        limits: what is decoded at all.
        process_limits: what a picture may cost a decoder.
    """

    def __init__(
        self,
        launcher: Launcher,
        limits: DecodeLimits,
        process_limits: ProcessLimits,
        *,
        processes: int | None = None,
        notes: Path | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            launcher: how decoders are started, see `native_launcher`.
            limits: what is decoded at all.
            process_limits: what a picture may cost a decoder.
            processes: how many decoders; None: one a core.
            notes: folder for what decoders died of, see `deaths`; None: in memory only.
        """
        self.limits = limits
        self.process_limits = process_limits
        self._launcher = launcher
        deaths = Deaths(notes)
        self._seats = [
            Seat(launcher, process_limits, deaths) for _ in range(processes or usable_cores())
        ]
        self._free: queue.SimpleQueue[Seat] = queue.SimpleQueue()
        for seat in self._seats:
            self._free.put(seat)
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._watch_time, name="decoder-watch", daemon=True)

    def __enter__(self) -> Self:
        self._launcher.open()
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def processes(self) -> int:
        """How many decoders there are."""
        return len(self._seats)

    def start(self) -> tuple[str, ...]:
        """Waits until all decoders are up.

        Returns:
            What keeps each of them in, see `lockdown`.

        Raises:
            DecodersUnusable: they do not come up.
        """
        with ThreadPoolExecutor(len(self._seats)) as threads:
            list(threads.map(lambda seat: seat.start(), self._seats))
        return self._seats[0].holds

    def decode(self, encoded: bytes, spec: InputSpec) -> Decoded:
        """An encoded picture to a square of `spec.size`; waits until a decoder is free.

        Raises:
            TaskError: it cannot be decoded, takes too much time or memory, or kills every decoder.
        """
        seat = self._free.get()
        try:
            return seat.decode(Job(encoded, spec, self.limits))
        finally:
            self._free.put(seat)

    def close(self) -> None:
        """Ends all decoders, whatever they do; those who wait for one get an error."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._watch.join()
        for seat in self._seats:
            seat.close()
        # Whoever used a seat gives it back now; whoever waits for one gets it and is refused.
        with suppress(queue.Empty):
            seats = [self._free.get(timeout=_CLOSE_S) for _ in self._seats]
            for seat in seats:
                seat.clear()
                self._free.put(seat)
        self._launcher.close()

    def _watch_time(self) -> None:
        while not self._closed.wait(_CHECK_S):
            for seat in self._seats:
                seat.check()


def native_launcher(process_limits: ProcessLimits, decode: str = DECODE) -> Launcher:
    """How decoders are best started on this system.

    Args:
        process_limits: what a picture may cost a decoder.
        decode: the function that decoders run, as "module:name".
    """
    if sys.platform != "linux":
        return SpawnLauncher(decode, process_limits)
    return ForkLauncher(decode, process_limits)
