"""All decoder processes of a program; each picture goes to the next one that is free."""

import queue
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from taskworker_classifyimage.decode import Decoded, DecodeLimits
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.machine import usable_cores, usable_memory_bytes
from taskworker_classifyimage.sandbox.deaths import Deaths
from taskworker_classifyimage.sandbox.forking import ForkLauncher
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.messages import Job
from taskworker_classifyimage.sandbox.process import Launcher
from taskworker_classifyimage.sandbox.spawning import SpawnLauncher
from taskworker_classifyimage.sandbox.worker_slot import WorkerSlot

#: What a decoder takes of its limit for itself.
_PROCESS_BYTES: Final = 96 * 2**20
#: How often decoders are checked, and so how exact their deadlines are.
_CHECK_S: Final = 0.2
#: A killed process ends at once unless the kernel is busy with it.
_CLOSE_S: Final = 2.0
#: Enough for 200 million pixels in most formats.
_MAX_MEMORY_BYTES: Final = 2 * 2**30
#: The share of all memory that a decoder may take for one picture.
_PICTURE_SHARE: Final = 0.75


class DecoderPool:
    """Decodes pictures in other processes; may be used from several threads at once.

    A context manager: entering it starts what takes time to start, and does not wait for it.

    Attributes:
        limits: bytes and pixels that a picture may have, and memory that it may take.
        process_limits: what a picture may cost a decoder.
    """

    def __init__(
        self, launcher: Launcher, *, processes: int | None = None, notes: Path | None = None
    ) -> None:
        """Starts nothing.

        Args:
            launcher: starts the decoders, see `choose_launcher`.
            processes: how many decoders; None: one per core.
            notes: folder that keeps counts of killed decoders, see `deaths`; None: memory only.
        """
        picture_bytes = launcher.limits.memory_bytes - _PROCESS_BYTES
        self.limits = DecodeLimits(memory_bytes=max(picture_bytes, 0))
        self.process_limits = launcher.limits
        self._launcher = launcher
        deaths = Deaths(notes)
        self._slots = [WorkerSlot(launcher, deaths) for _ in range(processes or usable_cores())]
        self._free: queue.SimpleQueue[WorkerSlot] = queue.SimpleQueue()
        for slot in self._slots:
            self._free.put(slot)
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._check_all, name="decoder-watch", daemon=True)

    def __enter__(self) -> Self:
        self._launcher.open()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def processes(self) -> int:
        """The number of decoders."""
        return len(self._slots)

    @property
    def pids(self) -> list[int]:
        """Process IDs of the decoders that are up."""
        return [slot.pid for slot in self._slots if slot.pid is not None]

    @property
    def ends(self) -> Counter[str]:
        """How many decoders ended unexpectedly, by cause; see `WorkerSlot`."""
        ends = Counter[str]()
        for slot in self._slots:
            ends.update(slot.ends)
        return ends

    @property
    def fault(self) -> str | None:
        """Why the decoders do not work; None: nothing is known."""
        if not self._closed.is_set() and not self._watch.is_alive():
            return "nothing ends decoders that take too long"
        return next((slot.fault for slot in self._slots if slot.fault is not None), None)

    def start(self) -> tuple[str, ...]:
        """Waits until all decoders are up; returns what restricts each of them, see `lockdown`.

        Raises:
            DecodersUnusable: they do not come up.
        """
        with ThreadPoolExecutor(len(self._slots)) as threads:
            list(threads.map(lambda slot: slot.start(), self._slots))
        return self._slots[0].protections

    def decode(
        self,
        encoded: bytes,
        spec: InputSpec,
        memory_bytes: int | None = None,
        *,
        is_alone: bool = True,
        thumbnail: bool = False,
    ) -> Decoded:
        """Decodes a picture to a square of `spec.size`; waits until a decoder is free.

        Args:
            encoded: the file.
            spec: what the network takes.
            memory_bytes: what it may take, with the file; None: as much as any picture.
            is_alone: whether a decoder's death is the picture's fault, since no other picture
                takes its memory.
            thumbnail: whether a thumbnail is wanted as well.

        Raises:
            TaskError: it cannot be decoded, takes too much time or memory, or kills every decoder.
            NeedsMemory: it needs more than it may take; or it killed a decoder and is not alone.
            DecodersUnusable: no decoder starts.
        """
        limits = self.limits
        if memory_bytes is not None:
            most_bytes = limits.memory_bytes or memory_bytes
            limits = replace(limits, memory_bytes=min(memory_bytes, most_bytes))
        slot = self._free.get()
        try:
            return slot.decode(Job(encoded, spec, limits, is_alone, thumbnail))
        finally:
            self._free.put(slot)

    def close(self) -> None:
        """Kills all decoders, whatever they are doing; threads waiting for one get an error."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._watch.join()
        for slot in self._slots:
            slot.close()
        # Threads that use a slot give it back now; threads that wait get one, and an error from it.
        with suppress(queue.Empty):
            slots = [self._free.get(timeout=_CLOSE_S) for _ in self._slots]
            for slot in slots:
                slot.clear()
                self._free.put(slot)
        self._launcher.close()

    def _check_all(self) -> None:
        while not self._closed.wait(_CHECK_S):
            for slot in self._slots:
                slot.check()


def make_pool(time_s: int, processes: int | None, state: Path | None) -> DecoderPool:
    """A pool whose pictures leave the rest of the machine some memory.

    Args:
        time_s: longest time for one picture.
        processes: how many decoders; None: one per core.
        state: the program's state folder; None: there is none.
    """
    # One picture must not be able to take all the memory of a small container.
    picture_bytes = min(_MAX_MEMORY_BYTES, int(_PICTURE_SHARE * usable_memory_bytes()))
    return DecoderPool(
        choose_launcher(ProcessLimits(time_s, picture_bytes)),
        processes=processes,
        notes=state and state / "deaths",
    )


def choose_launcher(
    limits: ProcessLimits, decode: str = "taskworker_classifyimage.decode:decode"
) -> Launcher:
    """Chooses the best way to start decoders, which run `decode`, on this system."""
    if sys.platform != "linux":
        return SpawnLauncher(decode, limits)
    return ForkLauncher(decode, limits)
