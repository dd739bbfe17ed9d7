"""decode and infer with one model: an encoded picture to its answer, and that to result JSON."""

import asyncio
import hashlib
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.decode import Decoded
from taskworker_classifyimage.pipeline.answer_cache import AnswerCache
from taskworker_classifyimage.pipeline.decode import Decoders
from taskworker_classifyimage.pipeline.file_room import FileRoom
from taskworker_classifyimage.pipeline.infer import infer
from taskworker_classifyimage.pipeline.memory_budget import Hold, MemoryBudget, Waits
from taskworker_classifyimage.pipeline.result import Answer, ResultMaker
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.pipeline.within_memory import WithinMemory

if TYPE_CHECKING:
    from PIL import Image

#: (H, W, 3) uint8 RGB to a file's bytes.
EncodeThumbnail = Callable[[npt.NDArray[np.uint8]], bytes]

#: Hashed on the event loop: takes under a millisecond, less than a thread's switch and back.
_HASH_AT_ONCE_BYTES: Final = 2**20


class Engine(ResultMaker):
    """One model with its decoders and labels; may be used from several threads at once.

    Attributes:
        runtime: library, model and device, for results.
        limit_bytes: size of the largest file that is decoded.
        limit_memory_bytes: the most that decoding a picture may take.
    """

    def __init__(
        self,
        classifier: Classifier,
        decoders: Decoders,
        encode_thumbnail: EncodeThumbnail | None = None,
    ) -> None:
        """Takes its collaborators; with `encode_thumbnail`, answers have thumbnails."""
        self._encode_thumbnail = encode_thumbnail
        self._classifier = classifier
        self._decoders = decoders
        super().__init__(classifier)
        self.limit_bytes = decoders.limits.file_bytes
        self.limit_memory_bytes = decoders.limits.memory_bytes or sys.maxsize

    def answer(
        self,
        encoded: bytes,
        sha256: str | None,
        memory_bytes: int | None = None,
        *,
        is_alone: bool = True,
    ) -> Answer:
        """Decodes and infers; `memory_bytes` and `is_alone` are as for `Decoders.decode`.

        Raises:
            TaskError: the picture cannot be decoded, or the model fails with it.
            NeedsMemory: it could be decoded with more memory, or alone.
            DeviceFailed: the model fails with any picture.
        """
        return self.infer(self.decode(encoded, memory_bytes, is_alone=is_alone), sha256)

    def decode(self, encoded: bytes, memory_bytes: int | None, *, is_alone: bool) -> Decoded:
        """The first half of `answer`: decodes a picture for this model."""
        has_thumbnail, spec = self._encode_thumbnail is not None, self._classifier.model.input
        return self._decoders.decode(
            encoded, spec, memory_bytes, is_alone=is_alone, thumbnail=has_thumbnail
        )

    def infer(self, decoded: Decoded, sha256: str | None) -> Answer:
        """The second half of `answer`: infers a decoded picture."""
        probabilities = infer(self._classifier, decoded.pixels)
        encode, pixels = self._encode_thumbnail, decoded.thumbnail
        thumbnail = None if encode is None or pixels is None else encode(pixels)
        return Answer(probabilities, decoded.facts, sha256, decoded.maker, thumbnail)

    def answer_image(self, image: "Image.Image") -> Answer:
        """Infers an image of Pillow; raises `NoAnswer` or `DeviceFailed`."""
        from taskworker_classifyimage.decode import to_input  # noqa: PLC0415 - for few

        return self.infer(to_input(image, self._classifier.model.input), None)


class ConcurrentEngine:
    """An engine for an event loop: it computes on threads, and equal pictures only once.

    Attributes:
        engine: does the work.
    """

    def __init__(self, engine: Engine, compute: Executor, budget: MemoryBudget) -> None:
        self.engine = engine
        self._compute = compute
        self._budget = budget
        self._within = WithinMemory(compute, budget, engine.limit_memory_bytes)
        self._cache = AnswerCache(is_still_valid)

    @property
    def cache_hits(self) -> int:
        """How many pictures were answered without an inference."""
        return self._cache.hits

    @property
    def limit_bytes(self) -> int:
        """Size of the largest file that is decoded here."""
        return min(self.engine.limit_bytes, self._budget.largest_file_bytes)

    @property
    def cache_misses(self) -> int:
        """How many pictures were not."""
        return self._cache.misses

    def file_room(self, pause: Waits, waits: Waits) -> FileRoom:
        """Memory for one file, to be used as a context manager; arguments as for `FileRoom`."""
        return FileRoom(self._budget, pause, waits)

    async def hash(self, encoded: bytes) -> str:
        """SHA-256 in hexadecimal."""
        return await hash_beside(encoded, self._compute)

    async def answer(
        self,
        encoded: bytes,
        sha256: str,
        timing: Timing,
        waits: Waits = nullcontext,
        *,
        is_alone: bool = False,
    ) -> Answer:
        """Decodes and infers, unless the same bytes were answered before.

        Args:
            encoded: the file; memory for it is held already.
            sha256: of the file, see `hash`.
            timing: takes down what it costs; its task waits.
            waits: entered while it waits for memory.
            is_alone: whether nothing else is decoded meanwhile.

        Raises:
            TaskError, DeviceFailed: see `Engine.answer`.
        """
        work = partial(self._timed_answer, encoded, sha256, timing)
        compute = partial(self._within.run, work, len(encoded), waits, is_alone=is_alone)
        return await self._cache.get(sha256, compute)

    def _timed_answer(self, encoded: bytes, sha256: str, timing: Timing, hold: Hold) -> Answer:
        timing.begin_after("wait", step="decode")
        try:
            decoded = self.engine.decode(encoded, hold.size_bytes, is_alone=hold.is_alone)
            timing.begin_after("decode", step="infer")
            return self.engine.infer(decoded, sha256)
        finally:
            timing.begin_after("decode", "infer", step="wait")


def is_still_valid(answer: Answer) -> bool:
    """Whether it may be taken for that of an equal picture: its decoder still lives."""
    return not answer.maker.is_replaced


def sha256_of(encoded: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(encoded).hexdigest()


async def hash_beside(encoded: bytes, threads: Executor | None) -> str:
    """SHA-256 in hexadecimal, of a large file on one of the threads; None: asyncio's own."""
    if len(encoded) <= _HASH_AT_ONCE_BYTES:
        return sha256_of(encoded)
    return await asyncio.get_running_loop().run_in_executor(threads, sha256_of, encoded)
