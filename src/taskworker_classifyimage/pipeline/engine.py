"""decode and infer with one model: an encoded picture to its answer, and that to result JSON."""

import asyncio
import hashlib
from collections.abc import Awaitable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.decode import PictureFacts
from taskworker_classifyimage.pipeline.answer_cache import AnswerCache
from taskworker_classifyimage.pipeline.decode import Decoders
from taskworker_classifyimage.pipeline.infer import infer, name_best
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.tasks import ClassifyRequest, Runtime, result_json

#: Hashed on the event loop: takes under a millisecond, less than a thread's switch and back.
_HASH_AT_ONCE_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to a picture.

    Attributes:
        probabilities: (C,) 0 to 1, in the order of the classes.
        facts: what decoding found out about the picture.
        sha256: of the encoded picture, in hexadecimal; None if no provenance is requested.
    """

    probabilities: npt.NDArray[np.float64]
    facts: PictureFacts
    sha256: str | None


class Engine:
    """One model with its decoders and labels; may be used from several threads at once.

    Attributes:
        runtime: library, model and device, for results.
        limit_bytes: size of the largest file that is decoded.
    """

    def __init__(self, classifier: Classifier, decoders: Decoders) -> None:
        self._classifier = classifier
        self._decoders = decoders
        self._labels = labels_of(classifier.model)
        self.runtime = Runtime(classifier.library, classifier.model.name, classifier.device)
        self.limit_bytes = decoders.limits.file_bytes

    def answer(self, encoded: bytes, sha256: str | None) -> Answer:
        """Decodes and infers.

        Raises:
            TaskError: the picture cannot be decoded, or the model fails with it.
            DeviceFailed: the model fails with any picture.
        """
        decoded = self._decoders.decode(encoded, self._classifier.model.input)
        return Answer(infer(self._classifier, decoded.pixels), decoded.facts, sha256)

    def result(
        self, answer: Answer, request: ClassifyRequest, duration_s: float
    ) -> dict[str, object]:
        """The result JSON of an answer, in the language and length that were requested."""
        predictions, warnings = name_best(answer.probabilities, self._labels, request)
        warnings += answer.facts.warnings
        provenance = self._provenance(answer, request.language) if request.provenance else None
        return result_json(predictions, self.runtime, duration_s, warnings, provenance)

    def _provenance(self, answer: Answer, language: str) -> dict[str, object]:
        """What an answer was made from, so that an examiner can repeat it."""
        model, labels = self._classifier.model, self._labels
        used, _ = labels.resolve(language)
        return {
            "picture": {"sha256": answer.sha256, **asdict(answer.facts)},
            "model": {"name": model.name, "version": model.version, "sha256": model.sha256},
            "labels": {"language": used, "sha256": labels.sha256(used)},
            "preprocessing": asdict(model.input),
        }


class ConcurrentEngine:
    """An engine for an event loop: it computes on threads, and equal pictures only once.

    Attributes:
        engine: does the work.
    """

    def __init__(self, engine: Engine, compute: Executor) -> None:
        self.engine = engine
        self._compute = compute
        self._cache = AnswerCache[Answer]()

    @property
    def cache_hits(self) -> int:
        """How many pictures were answered without an inference."""
        return self._cache.hits

    async def answer(self, encoded: bytes, timing: Timing) -> Answer:
        """Decodes and infers, unless the same bytes were answered before.

        Raises:
            TaskError, DeviceFailed: see `Engine.answer`.
        """
        loop = asyncio.get_running_loop()

        def compute() -> Awaitable[Answer]:
            # One thread for both steps: a switch costs as much as a call to the bridge.
            return loop.run_in_executor(self._compute, self._timed_answer, encoded, sha256, timing)

        if len(encoded) <= _HASH_AT_ONCE_BYTES:
            sha256 = sha256_of(encoded)
        else:
            sha256 = await loop.run_in_executor(self._compute, sha256_of, encoded)
        return await self._cache.get(sha256, compute)

    def _timed_answer(self, encoded: bytes, sha256: str, timing: Timing) -> Answer:
        with timing.compute():
            return self.engine.answer(encoded, sha256)


def sha256_of(encoded: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(encoded).hexdigest()
