"""Classifies files of this machine, many at once, by the steps that tasks go through."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.errors import NeedsMemory, TaskError
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.reading import (
    Reader,
    ReadFile,
    explain_failure,
    insist,
    make_row,
)
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import Hooks
from taskworker_classifyimage.machine import picture_memory_bytes
from taskworker_classifyimage.pipeline.answer_cache import AnswerCache
from taskworker_classifyimage.pipeline.engine import Engine, is_still_valid, sha256_of
from taskworker_classifyimage.pipeline.memory_budget import Hold, MemoryBudget
from taskworker_classifyimage.pipeline.result import Answer
from taskworker_classifyimage.pipeline.within_memory import WithinMemory
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.shortage import name_shortage
from taskworker_classifyimage.tasks import ClassifyRequest, error_json

if TYPE_CHECKING:
    from PIL import Image

#: Threads that wait for a slow disk or a share.
_READERS: Final = 4
#: More save little and wait for each other.
_TOGETHER: Final = 8
_NO_HOOKS: Final = Hooks()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a machine.

    Attributes:
        threads: that compute.
        memory: of the memory that is free, 0 to 1.
    """

    threads: int
    memory: float


@dataclass(frozen=True, slots=True)
class _Computed:
    """An answer, and the seconds that it took."""

    answer: Answer
    passed_s: float


class LocalEngine:
    """One model for files of this machine; used within one event loop.

    Attributes:
        runtime: library, model and device, for results.
        limit_bytes: size of the largest file.
        most: as many groups of files at once keep all cores busy.
        together: as many small files are best classified one after another.
    """

    def __init__(
        self,
        classifier: Classifier,
        decoders: DecoderPool,
        request: ClassifyRequest,
        *,
        remembers: bool = True,
        hooks: Hooks = _NO_HOOKS,
        share: Share | None = None,
    ) -> None:
        """Takes a model and decoders that are started.

        Args:
            classifier: the model.
            decoders: decode the pictures.
            request: what is wanted of each picture.
            remembers: whether equal pictures are classified once.
            hooks: `find_equal` is asked first, `thumbnails` gets those of all others.
            share: what it may take of the machine; None: all.
        """
        share = share or Share(classifier.threads, 1.0)
        self._request = request
        self._find_equal, self._thumbnails = hooks.find_equal, hooks.thumbnails
        self._remembered = AnswerCache(is_still_valid) if remembers else None
        self._decoders = decoders
        encode = None if self._thumbnails is None else self._thumbnails.encode
        self._engine = Engine(classifier, decoders, encode)
        self.runtime = self._engine.runtime
        # One more than the device needs, as one thread usually waits for a decoder process; and
        # some that wait for the disk.
        threads = 1 + share.threads
        self._computing = threading.Semaphore(threads)
        self._pool = ThreadPoolExecutor(threads + _READERS, thread_name_prefix="classify")
        budget = MemoryBudget(int(share.memory * picture_memory_bytes(decoders.processes)))
        self.limit_bytes = min(self._engine.limit_bytes, budget.largest_file_bytes)
        self._reader = Reader(budget, self.limit_bytes)
        self._within = WithinMemory(self._pool, budget, self._engine.limit_memory_bytes)
        self.most = 2 * threads + _READERS
        self.together = _TOGETHER

    async def read(self, found: Sequence[Found]) -> Callable[[], Awaitable[list[Row]]]:
        """Reads a member of an archive, whose place in it will be gone; files are read later.

        Args:
            found: one file or member, or several small files.

        Returns:
            What classifies them.

        Raises:
            MachineShort: the machine is short of something; so does what is returned.
            UserError: only what is returned: this installation cannot classify any picture.
        """
        if found[0].open_member is not None:
            read = await self._reader.read(found[0])
            return lambda: self._classify([read])
        reads = [self._reader.begin(each) for each in found]
        return lambda: self._classify(reads)

    async def classify_image(self, image: "Image.Image") -> Mapping[str, object]:
        """Classifies pixels that are in memory already; returns the result JSON.

        Raises:
            DeviceFailed: this installation cannot classify any picture.
        """
        start_s, engine = time.perf_counter(), self._engine
        run = asyncio.get_running_loop().run_in_executor
        try:
            answer = await run(self._pool, engine.answer_image, image)
        except TaskError as err:
            duration_s = time.perf_counter() - start_s
            return error_json(str(err), err.code, self.runtime, duration_s)
        return engine.result(answer, self._request, time.perf_counter() - start_s)

    def close(self) -> None:
        """Ends all threads and decoders, whatever they are doing."""
        self._decoders.close()
        self._reader.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _classify(self, reads: list[ReadFile]) -> list[Row]:
        rows = await self._classify_together(reads) if len(reads) > 1 else {}
        return [
            rows.get(number) or await make_row(read, self._answer, self.runtime)
            for number, read in enumerate(reads)
        ]

    async def _classify_together(self, reads: list[ReadFile]) -> dict[int, Row]:
        """Small files one after another on one thread; those that need more are left for later."""
        with self._reader.room() as room:
            file_bytes = sum(read.found.size_bytes or 0 for read in reads)
            await room.take(file_bytes)
            return await self._within.run(partial(self._work_all, reads), file_bytes)

    async def _answer(self, read: ReadFile) -> Mapping[str, object]:
        # One thread for all steps: each switch costs a fiftieth of a small picture.
        if read.found.open_member is None:
            await self._reader.take_room(read)
        file_bytes = read.found.size_bytes or len(read.encoded)
        return await insist(lambda: self._within.run(partial(self._work, read), file_bytes))

    def _work_all(self, reads: list[ReadFile], hold: Hold) -> dict[int, Row]:
        """Reads all, computes all, names all: each change of threads or of what they do costs."""
        outcomes: list[_Computed | Mapping[str, object] | None]
        outcomes = [self._attempt(partial(self._load, read), read) for read in reads]
        with self._computing:
            for number, read in enumerate(reads):
                if outcomes[number] is None and read.sha256 is not None:
                    outcomes[number] = self._attempt(partial(self._compute, read, hold), read)
                # Its bytes are not needed any more, its row may wait.
                read.encoded = b""
        rows = {}
        for number, (read, outcome) in enumerate(zip(reads, outcomes, strict=True)):
            result = (
                self._attempt(partial(self._name, outcome), read)
                if isinstance(outcome, _Computed)
                else outcome
            )
            if result is not None:
                rows[number] = read.to_row(result)
        return rows

    def _attempt(
        self, step: Callable[[], _T | None], read: ReadFile
    ) -> _T | Mapping[str, object] | None:
        """What comes of a step, or the result of its failure; None: nothing, or it needs more."""
        try:
            return step()
        except NeedsMemory:
            return None
        except Exception as err:  # noqa: BLE001 - one picture must not end the run
            return None if name_shortage(err) else explain_failure(err, read, self.runtime)

    def _work(self, read: ReadFile, hold: Hold) -> Mapping[str, object]:
        if (known := self._load(read)) is not None:
            return known
        with self._computing:
            computed = self._compute(read, hold)
        return self._name(computed)

    def _load(self, read: ReadFile) -> Mapping[str, object] | None:
        """Reads a file; returns the result of an equal one, if there is one."""
        if not read.encoded:
            self._reader.load(read)
        sha256 = read.sha256 = sha256_of(read.encoded)
        return self._find_equal and self._find_equal(sha256)

    def _compute(self, read: ReadFile, hold: Hold) -> _Computed:
        """Classifies a file that is read, on one of the threads that may compute."""
        sha256 = read.sha256
        assert sha256 is not None  # noqa: S101 - it is read
        work = partial(
            self._engine.answer, read.encoded, sha256, hold.size_bytes, is_alone=hold.is_alone
        )
        # One that computes never waits for one that waits to compute.
        answer = self._remembered.get_on_thread(sha256, work) if self._remembered else work()
        if self._thumbnails is not None and answer.thumbnail is not None:
            self._thumbnails.keep(sha256, answer.thumbnail)
        return _Computed(answer, read.passed_s)

    def _name(self, computed: _Computed) -> Mapping[str, object]:
        return self._engine.result(computed.answer, self._request, computed.passed_s)
