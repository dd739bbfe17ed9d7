"""decode and infer with one model: bytes to probabilities, the same bytes once."""

import asyncio
from collections.abc import Awaitable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.decode import PictureFacts
from taskworker_classifyimage.pipeline.decode import Decoders
from taskworker_classifyimage.pipeline.evidence import evidence
from taskworker_classifyimage.pipeline.infer import infer
from taskworker_classifyimage.pipeline.repeats import Repeats, content_key
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.tasks import Runtime

#: Hashed on the event loop: under a millisecond, and less than a hop to a thread and back.
_HASH_AT_ONCE_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of a picture.

    Attributes:
        probabilities: (C,) 0 to 1, in the order of the classes.
        facts: of the picture.
        sha256: of the picture's file, in hexadecimal.
    """

    probabilities: npt.NDArray[np.float64]
    facts: PictureFacts
    sha256: str


class Recogniser:
    """One model at work on many pictures at once."""

    def __init__(self, classifier: Classifier, decoders: Decoders, compute: Executor) -> None:
        self._classifier = classifier
        self._decoders = decoders
        self._compute = compute
        self._repeats = Repeats[Answer]()
        self.labels = labels_of(classifier.model)

    @property
    def provenance(self) -> Runtime:
        """Who answers."""
        classifier = self._classifier
        return Runtime(classifier.library, classifier.model.name, classifier.device)

    @property
    def repeated(self) -> int:
        """How many pictures were answered without an inference, having been seen before."""
        return self._repeats.hits

    def evidence(self, answer: Answer, language: str) -> dict[str, object]:
        """What an answer was made of."""
        model = self._classifier.model
        return evidence(answer.sha256, answer.facts, model, self.labels, language)

    async def recognise(self, encoded: bytes, timing: Timing) -> Answer:
        """Decodes and infers, unless the same bytes were seen before.

        Raises:
            TaskError: the picture cannot be decoded.
        """
        loop = asyncio.get_running_loop()

        def compute() -> Awaitable[Answer]:
            # One hop for both steps: a hop between threads costs as much as a call to the bridge.
            return loop.run_in_executor(
                self._compute, self._decode_and_infer, encoded, key.hex(), timing
            )

        if len(encoded) <= _HASH_AT_ONCE_BYTES:
            key = content_key(encoded)
        else:
            key = await loop.run_in_executor(self._compute, content_key, encoded)
        return await self._repeats.get(key, compute)

    def _decode_and_infer(self, encoded: bytes, sha256: str, timing: Timing) -> Answer:
        with timing.compute():
            decoded = self._decoders.decode(encoded, self._classifier.model.input)
            return Answer(infer(self._classifier, decoded.pixels), decoded.facts, sha256)
