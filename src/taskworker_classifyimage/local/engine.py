"""Classifies files of this machine, many at once, by the steps that tasks go through."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from PIL import Image

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.errors import (
    ErrorCode,
    MachineShort,
    TaskError,
    TaskworkerError,
)
from taskworker_classifyimage.local.found import (
    Found,
    check_size,
    known_time,
    read_file,
    read_member,
)
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.machine import picture_memory_bytes
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.file_room import FileRoom
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.shortage import name_shortage
from taskworker_classifyimage.tasks import ClassifyRequest, error_json

_log = logging.getLogger(__name__)

#: Enough to keep a slow disk or a share busy.
_READERS: Final = 4
#: A machine that is short of something is asked again so often, after a second each time.
_MOST_SHORTAGES: Final = 60
_SHORTAGE_S: Final = 1.0

_T = TypeVar("_T")
#: Finds the result of an equal file by its SHA-256; None if there is none.
FindEqual = Callable[[str], Mapping[str, object] | None]


@dataclass(slots=True)
class Prepared:
    """A file that has been read, and the memory for it.

    Attributes:
        problem: why it cannot be classified.
    """

    found: Found
    room: FileRoom
    start_s: float
    encoded: bytes = b""
    problem: TaskError | None = None


class LocalEngine:
    """One model for files of this machine; used within one event loop.

    Attributes:
        runtime: library, model and device, for results.
        most: as many pictures at once keep all cores busy.
    """

    def __init__(
        self,
        classifier: Classifier,
        decoders: DecoderPool,
        request: ClassifyRequest,
        *,
        remembers: bool = True,
        find_equal: FindEqual | None = None,
    ) -> None:
        """Takes a model and decoders that are started.

        Args:
            classifier: the model.
            decoders: decode the pictures.
            request: what is wanted of each picture.
            remembers: whether equal pictures are classified once.
            find_equal: asked first for the result of an equal file.
        """
        self._request = request
        self._find_equal = find_equal
        # One more than the device needs, as one thread usually waits for a decoder process.
        threads = 1 + classifier.threads
        self._compute = ThreadPoolExecutor(threads, thread_name_prefix="compute")
        self._read = ThreadPoolExecutor(_READERS, thread_name_prefix="read")
        self._decoders = decoders
        budget = MemoryBudget(picture_memory_bytes(decoders.processes))
        engine = Engine(classifier, decoders)
        self._engine = ConcurrentEngine(engine, self._compute, budget, remembers=remembers)
        self.runtime = engine.runtime
        self.most = 2 * threads + _READERS

    async def read(self, found: Found) -> Callable[[], Awaitable[Row]]:
        """Reads a file; what is returned classifies it, see `finish`."""
        prepared = await self.prepare(found)
        return lambda: self.finish(prepared)

    async def classify_image(self, image: Image.Image) -> Mapping[str, object]:
        """Classifies pixels that are in memory already; returns the result JSON.

        Raises:
            DeviceFailed: this installation cannot classify any picture.
        """
        start_s, engine = time.perf_counter(), self._engine.engine
        run = asyncio.get_running_loop().run_in_executor
        try:
            answer = await run(self._compute, engine.answer_image, image)
        except TaskError as err:
            duration_s = time.perf_counter() - start_s
            return error_json(str(err), err.code, self.runtime, duration_s)
        return engine.result(answer, self._request, time.perf_counter() - start_s)

    async def prepare(self, found: Found) -> Prepared:
        """Reads a file as soon as there is memory for it."""
        room = self._engine.file_room(nullcontext)
        prepared = Prepared(found, room, time.perf_counter())
        try:
            await _insist(lambda: self._read_into(prepared))
        except TaskError as err:
            prepared.problem = err
        except BaseException:
            room.__exit__()
            raise
        return prepared

    async def finish(self, prepared: Prepared) -> Row:
        """Classifies a file that has been read, and gives its memory back.

        Returns:
            Its row, whether or not it could be classified.

        Raises:
            UserError: this installation cannot classify any picture.
            MachineShort: the machine is short of something for a minute.
        """
        sha256, found = None, prepared.found
        with prepared.room:
            try:
                if prepared.problem is not None:
                    raise prepared.problem
                sha256 = await self._engine.hash(prepared.encoded)
                known = self._find_equal and self._find_equal(sha256)
                result = known or await self._answer(prepared, sha256)
            except TaskError as err:
                result = error_json(str(err), err.code, self.runtime, _passed_s(prepared))
            except TaskworkerError:
                raise
            except Exception:  # noqa: BLE001 - one picture must not end the run
                _log.exception("%s: failed by a fault of this program", found.path)
                result = error_json(
                    "internal error", ErrorCode.INTERNAL, self.runtime, _passed_s(prepared)
                )
        return Row(found.path, result, found.size_bytes, found.modified_ns, sha256)

    def close(self) -> None:
        """Ends all threads and decoders, whatever they are doing."""
        self._decoders.close()
        for threads in (self._compute, self._read):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _read_into(self, prepared: Prepared) -> None:
        found, limit_bytes = prepared.found, self._engine.limit_bytes
        if found.problem is not None:
            raise found.problem
        check_size(found.size_bytes, limit_bytes)
        await prepared.room.take(found.size_bytes)
        run = asyncio.get_running_loop().run_in_executor
        if found.open_member is not None:
            most_bytes = limit_bytes + 1 if found.size_bytes is None else found.size_bytes
            prepared.encoded = await run(self._read, read_member, found.open_member, most_bytes)
            check_size(len(prepared.encoded), limit_bytes)
            prepared.found = replace(found, size_bytes=len(prepared.encoded))
            return
        # What has grown since it was found is read as large as it was found.
        most_bytes = limit_bytes if found.size_bytes is None else found.size_bytes
        prepared.encoded, facts = await run(self._read, read_file, found.path, most_bytes)
        modified_ns = known_time(facts.st_mtime_ns)
        prepared.found = replace(found, size_bytes=facts.st_size, modified_ns=modified_ns)

    async def _answer(self, prepared: Prepared, sha256: str) -> Mapping[str, object]:
        encoded = prepared.encoded
        answer = await _insist(lambda: self._engine.answer(encoded, sha256, Timing()))
        return self._engine.engine.result(answer, self._request, _passed_s(prepared))


async def _insist(step: Callable[[], Awaitable[_T]]) -> _T:
    """Tries a step again as long as the machine is short of something.

    Raises:
        MachineShort: for a minute.
    """
    for _ in range(_MOST_SHORTAGES):
        try:
            return await step()
        except (TaskError, asyncio.CancelledError):
            raise
        except Exception as err:
            short_of = name_shortage(err)
            if short_of is None:
                raise
        await asyncio.sleep(_SHORTAGE_S)
    raise MachineShort(f"the machine has no more {short_of}")


def _passed_s(prepared: Prepared) -> float:
    return time.perf_counter() - prepared.start_s
