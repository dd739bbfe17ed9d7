"""A model's answer to a picture, wherever it was computed, and the result JSON of it."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Loaded
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.decode import PictureFacts
from taskworker_classifyimage.decode.picture import Maker
from taskworker_classifyimage.pipeline.name import name_answer
from taskworker_classifyimage.tasks import INDEPENDENT, ClassifyRequest, Runtime, result_json


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to a picture.

    Attributes:
        probabilities: (C,) 0 to 1, in the order of the classes.
        facts: what decoding found out about the picture.
        sha256: of the encoded picture, in hexadecimal; None if no provenance is requested.
        thumbnail: encoded, if the engine makes thumbnails.
        maker: the process that decoded the picture.
    """

    probabilities: npt.NDArray[np.float64]
    facts: PictureFacts
    sha256: str | None
    maker: Maker
    thumbnail: bytes | None = None


class ResultMaker:
    """Makes results of the answers of one model.

    Attributes:
        runtime: library, model and device.
    """

    def __init__(self, loaded: Loaded) -> None:
        model = self._model = loaded.model
        self._labels = labels_of(model)
        is_independent = model.threshold is not None
        self.runtime = Runtime(loaded.library, model.name, loaded.device, is_independent)

    def result(
        self, answer: Answer, request: ClassifyRequest, duration_s: float
    ) -> dict[str, object]:
        """The result JSON of an answer, in the language and length that were requested."""
        threshold = self._model.threshold
        named = name_answer(answer.probabilities, self._labels, request, threshold)
        warnings = [*named.warnings, *answer.facts.warnings]
        provenance = self._provenance(answer, request) if request.provenance else None
        return result_json(
            named.predictions, self.runtime, duration_s, warnings, provenance, named.categories
        )

    def _provenance(self, answer: Answer, request: ClassifyRequest) -> dict[str, object]:
        """What an answer was made from, so that an examiner can repeat it."""
        model, labels = self._model, self._labels
        used, _ = labels.resolve(request.language)
        kind = {} if model.threshold is None else {"kind": INDEPENDENT}
        return {
            "picture": {"sha256": answer.sha256, **asdict(answer.facts)},
            "model": {
                "name": model.name,
                "version": model.version,
                "sha256": model.sha256,
                "temperature": model.temperature,
                **kind,
            },
            "labels": {"language": used, "sha256": labels.sha256(used)},
            "preprocessing": asdict(model.input),
            **({"threshold": request.least(model.threshold)} if kind else {}),
        }
