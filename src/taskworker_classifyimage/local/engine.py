"""Classifies files of this machine, many at once, by the steps that tasks go through."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.errors import TaskError
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.reading import Reader, ReadFile, insist, make_row
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import Hooks
from taskworker_classifyimage.machine import picture_memory_bytes
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.tasks import ClassifyRequest, error_json

if TYPE_CHECKING:
    from PIL import Image

_NO_HOOKS: Final = Hooks()


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
        hooks: Hooks = _NO_HOOKS,
    ) -> None:
        """Takes a model and decoders that are started.

        Args:
            classifier: the model.
            decoders: decode the pictures.
            request: what is wanted of each picture.
            remembers: whether equal pictures are classified once.
            hooks: `find_equal` is asked first, `thumbnails` gets those of all others.
        """
        self._request = request
        self._find_equal, self._thumbnails = hooks.find_equal, hooks.thumbnails
        # One more than the device needs, as one thread usually waits for a decoder process.
        threads = 1 + classifier.threads
        self._compute = ThreadPoolExecutor(threads, thread_name_prefix="compute")
        self._decoders = decoders
        budget = MemoryBudget(picture_memory_bytes(decoders.processes))
        encode = None if self._thumbnails is None else self._thumbnails.encode
        engine = Engine(classifier, decoders, encode)
        self._engine = ConcurrentEngine(engine, self._compute, budget, remembers=remembers)
        self._reader = Reader(budget, self._engine.limit_bytes)
        self.runtime = engine.runtime
        self.most = 2 * threads + self._reader.threads

    async def read(self, found: Found) -> Callable[[], Awaitable[Row]]:
        """Reads a file; what is returned classifies it.

        Raises:
            MachineShort: the machine is short of something; so does what is returned.
            UserError: only what is returned: this installation cannot classify any picture.
        """
        read = await self._reader.read(found)
        return lambda: make_row(read, self._answer, self.runtime)

    async def classify_image(self, image: "Image.Image") -> Mapping[str, object]:
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

    def close(self) -> None:
        """Ends all threads and decoders, whatever they are doing."""
        self._decoders.close()
        self._reader.close()
        self._compute.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, read: ReadFile) -> Mapping[str, object]:
        encoded = read.encoded
        sha256 = read.sha256 = await self._engine.hash(encoded)
        if (known := self._find_equal and self._find_equal(sha256)) is not None:
            return known
        answer = await insist(lambda: self._engine.answer(encoded, sha256, Timing()))
        if self._thumbnails is not None and answer.thumbnail is not None:
            self._thumbnails.keep(sha256, answer.thumbnail)
        return self._engine.engine.result(answer, self._request, read.passed_s)
