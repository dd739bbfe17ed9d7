"""A run over many files: found, read, classified and written at the same time, in order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.reading import FindEqual
from taskworker_classifyimage.local.rows import Row

#: Files that are fetched from the walk at once, and for how long at most.
_BATCH: Final = 64
_BATCH_S: Final = 0.05
#: Files that take so little that starting their tasks shows.
_SMALL_BYTES: Final = 256 * 2**10
#: Groups that may be done and wait for a slow one before them.
_MOST_WAITING: Final = 1000
#: Rows that are written at once; and how long one waits for others at most.
_ROWS: Final = 100
_WRITE_S: Final = 0.2

_T = TypeVar("_T")

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Engine(Protocol):
    """Classifies files, here or through a bridge.

    Attributes:
        most: as many groups of files at once keep it busy.
        together: as many small files are best classified one after another.
    """

    most: int
    together: int

    async def read(self, found: Sequence[Found]) -> Callable[[], Awaitable[list[Row]]]:
        """Reads a member of an archive; other files may be read later, and come in groups.

        Returns:
            What classifies them, and returns a row for each in any case.

        Raises:
            UserError, MachineShort: no file can be classified any more; so does what is returned.
        """


class Notes(Protocol):
    """Remembers the tasks on the bridge, so that those of a killed run can be removed."""

    def note_task(self, task_id: str) -> None:
        """A task has been added."""

    def tasks(self) -> list[str]:
        """Those that have not been removed."""

    def forget_task(self, task_id: str) -> None:
        """It has been removed."""


class Thumbnails(Protocol):
    """Encodes thumbnails and keeps them."""

    def encode(self, pixels: "npt.NDArray[np.uint8]") -> bytes:
        """(H, W, 3) uint8 RGB to a file's bytes; called by several threads."""

    def keep(self, sha256: str, encoded: bytes) -> None:
        """Keeps the thumbnail of the picture with this SHA-256."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a run gives to the engine that it uses.

    Attributes:
        find_equal: finds the result of an equal file by its SHA-256.
        notes: remembers the tasks on a bridge.
        thumbnails: keeps thumbnails for a report.
    """

    find_equal: FindEqual | None = None
    notes: Notes | None = None
    thumbnails: Thumbnails | None = None


async def classify_all(
    engine: Engine,
    found: Iterator[Found],
    write: Callable[[Sequence[Row]], None],
    stop: asyncio.Event,
) -> None:
    """Classifies files and writes their rows in the order of the files.

    Args:
        engine: classifies them.
        found: the files; used by a thread of its own.
        write: writes rows; called by a thread of its own.
        stop: ends the run; what is done by then is written.

    Raises:
        UserError, MachineShort: no file can be classified any more.
        OSError: rows cannot be written.
    """
    queue: asyncio.Queue[asyncio.Task[list[Row]] | None] = asyncio.Queue(_MOST_WAITING)
    running: set[asyncio.Task[list[Row]]] = set()
    with ThreadPoolExecutor(1, "walk") as walk, ThreadPoolExecutor(1, "write") as writer:
        producing = asyncio.create_task(_Producer(engine, queue, running).run(found, walk))
        stopping = asyncio.create_task(_end_all(stop, producing, running))
        try:
            await _Consumer(queue, write, writer).run()
            await asyncio.wait((producing,))
            if not producing.cancelled():
                producing.result()
        finally:
            rest = (producing, stopping, *running)
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)


async def collect(
    engine: Engine, found: Iterator[Found], note: Callable[[Sequence[Row]], None]
) -> list[Row]:
    """The rows of files, in their order; `note` gets them as they come."""
    rows: list[Row] = []

    def keep(new: Sequence[Row]) -> None:
        rows.extend(new)
        note(new)

    await classify_all(engine, found, keep, asyncio.Event())
    return rows


async def _end_all(
    stop: asyncio.Event, producing: asyncio.Task[None], running: set[asyncio.Task[list[Row]]]
) -> None:
    await stop.wait()
    producing.cancel()
    for task in running:
        task.cancel()


class _Producer:
    """Starts a task for each file, as many at once as the engine takes."""

    def __init__(
        self,
        engine: Engine,
        queue: asyncio.Queue[asyncio.Task[list[Row]] | None],
        running: set[asyncio.Task[list[Row]]],
    ) -> None:
        self._engine = engine
        self._queue = queue
        self._running = running
        self._slots = asyncio.Semaphore(engine.most)
        self._started = 0

    async def run(self, found: Iterator[Found], walk: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (batch := await loop.run_in_executor(walk, take, found)) is not None:
                for group in self._group(batch):
                    await self._start(group)
        finally:
            await self._queue.put(None)

    def _group(self, batch: list[Found]) -> Iterator[list[Found]]:
        """Small files together, since starting a task costs a tenth of what such a file does."""
        group: list[Found] = []
        for found in batch:
            if not _is_small(found):
                yield from ([group] if group else [])
                yield [found]
                group = []
                continue
            group.append(found)
            # The first ones alone, so that all cores begin at once and results come at once.
            if self._started < 4 * self._engine.most or len(group) >= self._engine.together:
                yield group
                group = []
        if group:
            yield group

    async def _start(self, group: list[Found]) -> None:
        await self._slots.acquire()
        self._started += 1
        if group[0].open_member is None:
            classifying = self._classify(group)
        else:
            # A member of an archive is gone once the next one is asked for.
            classifying = _finish(await self._engine.read(group))
        task = asyncio.create_task(classifying)
        self._running.add(task)
        task.add_done_callback(self._note_end)
        await self._queue.put(task)

    def _note_end(self, task: asyncio.Task[list[Row]]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _classify(self, group: list[Found]) -> list[Row]:
        return await (await self._engine.read(group))()


def _is_small(found: Found) -> bool:
    size_bytes = found.size_bytes
    return found.open_member is None and size_bytes is not None and size_bytes <= _SMALL_BYTES


async def _finish(classify: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
    return await classify()


class _Consumer:
    """Waits for tasks in their order and writes their rows, some at a time."""

    def __init__(
        self,
        queue: asyncio.Queue[asyncio.Task[list[Row]] | None],
        write: Callable[[Sequence[Row]], None],
        writer: ThreadPoolExecutor,
    ) -> None:
        self._queue = queue
        self._write = write
        self._writer = writer
        self._rows: list[Row] = []
        self._written_s = -_WRITE_S

    async def run(self) -> None:
        try:
            while (task := await self._next()) is not None:
                if not task.done():
                    await self._wait_for(asyncio.wait((task,)))
                if not task.cancelled():
                    self._rows += task.result()
                if len(self._rows) >= _ROWS:
                    await self._flush()
        finally:
            await self._flush()

    async def _next(self) -> asyncio.Task[list[Row]] | None:
        if self._queue.empty():
            return await self._wait_for(self._queue.get())
        return self._queue.get_nowait()

    async def _wait_for(self, awaitable: Awaitable[_T]) -> _T:
        """Waits, and meanwhile writes what others have waited for long enough."""
        waiting = asyncio.ensure_future(awaitable)
        if self._rows:
            left_s = self._written_s + _WRITE_S - time.monotonic()
            await asyncio.wait((waiting,), timeout=max(left_s, 0))
            if not waiting.done():
                await self._flush()
        return await waiting

    async def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._write, rows)
            self._written_s = time.monotonic()


def take(found: Iterator[Found], most: int = _BATCH) -> list[Found] | None:
    """The next files, as many as are found in a moment; None at their end."""
    batch: list[Found] = []
    end_s = time.monotonic() + _BATCH_S
    for each in found:
        batch.append(each)
        if each.open_member is not None or len(batch) >= most or time.monotonic() > end_s:
            return batch
    return batch or None
