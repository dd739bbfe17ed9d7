"""What can be asked of a worker at any time: one snapshot, whoever shows it."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import psutil

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.figures.histogram import Histogram
from taskworker_classifyimage.figures.work import Failure, Outcome
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.task_engine import Watched
from taskworker_classifyimage.pipeline.timing import Step
from taskworker_classifyimage.tasks import Runtime
from taskworker_classifyimage.worker.slots import Slots

#: A worker with nothing to do asks for tasks at least every 20 s, and pauses for at most a minute.
_LONGEST_SILENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A worker's figures at one moment; see `WorkFigures` for the first ones.

    Attributes:
        tasks: how many ended how, by outcome and code.
        steps: seconds of each step.
        in_flight: tasks by the step that they are in.
        failures: the last tasks that failed, oldest first.
        fetched_bytes: size of the files that were fetched.
        slots: how many tasks may be in flight.
        cache_hits: pictures that were answered without an inference.
        cache_misses: pictures that were not.
        decoders: the number of decoder processes.
        decoder_ends: how many ended unexpectedly, by cause.
        worker_bytes: resident memory of the worker's process.
        decoder_bytes: that of all decoders together, what they share counted for each.
        models: what is loaded.
        bridge: the bridge's URL.
        reaches_bridge: whether the bridge has answered, and its last call too.
        silence_s: since the bridge's last answer; None: there was none.
    """

    tasks: Mapping[tuple[Outcome, str], int]
    steps: Mapping[Step, Histogram]
    in_flight: Mapping[Step, int]
    failures: Iterable[Failure]
    fetched_bytes: int
    slots: int
    cache_hits: int
    cache_misses: int
    decoders: int
    decoder_ends: Mapping[str, int]
    worker_bytes: int
    decoder_bytes: int
    models: Iterable[Runtime]
    bridge: str
    reaches_bridge: bool
    silence_s: float | None


class WorkerView:
    """Looks at the parts of a running worker, on their event loop.

    Attributes:
        is_taking: whether the worker takes tasks; it may still wait for its name.
    """

    def __init__(
        self,
        bridge: Bridge,
        handler: Handler,
        slots: Slots,
        decoders: Watched,
        stop: asyncio.Event,
    ) -> None:
        self._bridge = bridge
        self._handler = handler
        self._slots = slots
        self._decoders = decoders
        self._stop = stop
        self._process = psutil.Process()
        self.is_taking = False

    def look(self) -> Snapshot:
        """The figures of this moment."""
        bridge, handler, decoders = self._bridge, self._handler, self._decoders
        figures = handler.figures
        return Snapshot(
            tasks=figures.tasks,
            steps=figures.steps,
            in_flight=figures.in_flight(),
            failures=figures.failures,
            fetched_bytes=figures.fetched_bytes,
            slots=self._slots.limit,
            cache_hits=handler.cache_hits,
            cache_misses=handler.cache_misses,
            decoders=decoders.processes,
            decoder_ends=decoders.ends,
            worker_bytes=_resident_bytes(self._process),
            decoder_bytes=sum(map(_resident_bytes_of, decoders.pids)),
            models=handler.runtimes,
            bridge=bridge.url,
            reaches_bridge=bridge.silence_s is not None and not bridge.is_down,
            silence_s=bridge.silence_s,
        )

    def why_unhealthy(self) -> str | None:
        """Why only a restart can help; None: nothing is known, and the event loop runs."""
        return self._decoders.fault

    def why_unready(self) -> str | None:
        """Why no task would be done now; None: one would."""
        if self._stop.is_set():
            return "the worker is stopping"
        return self.why_unhealthy() or self._why_cut_off() or self._why_idle()

    def _why_cut_off(self) -> str | None:
        silence_s = self._bridge.silence_s
        if silence_s is None:
            return "the bridge has not answered yet"
        return f"the bridge is away, for {silence_s:.0f} s" if self._bridge.is_down else None

    def _why_idle(self) -> str | None:
        silence_s = self._bridge.silence_s or 0.0
        if not self.is_taking:
            return "another worker seems to have this one's name; it waits for that one to end"
        if silence_s > _LONGEST_SILENCE_S and not self._handler.figures.running:
            return f"the bridge was not asked for a task for {silence_s:.0f} s"
        return None


def _resident_bytes(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


def _resident_bytes_of(pid: int) -> int:
    # It may have ended just now.
    with contextlib.suppress(psutil.Error):
        return _resident_bytes(psutil.Process(pid))
    return 0
