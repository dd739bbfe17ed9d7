"""decode and infer without a bridge: for local files, the sample and the doctor."""

import hashlib
import time
from pathlib import Path

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.errors import EmptyFile, FileMissing, TaskError, TooLarge
from taskworker_classifyimage.pipeline.decode import Decoders
from taskworker_classifyimage.pipeline.evidence import evidence
from taskworker_classifyimage.pipeline.infer import infer, name_best
from taskworker_classifyimage.tasks import ClassifyRequest, Runtime, error_json, result_json


class LocalFiles:
    """Classifies files of this machine; may be used from several threads at once."""

    def __init__(self, classifier: Classifier, decoders: Decoders) -> None:
        self._classifier = classifier
        self._decoders = decoders
        self._labels = labels_of(classifier.model)

    def classify(self, path: Path, request: ClassifyRequest) -> dict[str, object]:
        """A file's result, with the same keys as a task's result, errors included."""
        start_s = time.perf_counter()
        classifier = self._classifier
        provenance = Runtime(classifier.library, classifier.model.name, classifier.device)
        try:
            encoded = self._read(path)
            decoded = self._decoders.decode(encoded, classifier.model.input)
            probabilities = infer(classifier, decoded.pixels)
            predictions, warnings = name_best(probabilities, self._labels, request)
        except TaskError as err:
            return error_json(str(err), err.code, provenance, time.perf_counter() - start_s)
        warnings += decoded.facts.warnings
        made_of = None
        if request.provenance:
            made_of = evidence(
                hashlib.sha256(encoded).hexdigest(),
                decoded.facts,
                classifier.model,
                self._labels,
                request.language,
            )
        duration_s = time.perf_counter() - start_s
        return result_json(predictions, provenance, duration_s, warnings, made_of)

    def _read(self, path: Path) -> bytes:
        limit_bytes = self._decoders.limits.file_bytes
        try:
            with path.open("rb") as file:
                encoded = file.read(limit_bytes + 1)
        except OSError as err:
            raise FileMissing(f"the file cannot be read: {err.strerror or err}") from None
        if not encoded:
            raise EmptyFile("the file has no bytes")
        if len(encoded) > limit_bytes:
            raise TooLarge(f"the file has more than {limit_bytes} bytes")
        return encoded
