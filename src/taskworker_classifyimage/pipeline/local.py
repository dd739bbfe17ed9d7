"""decode and infer without a bridge: for local files, the sample and the doctor."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import Labels
from taskworker_classifyimage.errors import EmptyFile, FileMissing, TaskError, TooLarge
from taskworker_classifyimage.pipeline.decode import DecodeLimits, decode
from taskworker_classifyimage.pipeline.infer import infer, name_best
from taskworker_classifyimage.tasks import ClassifyRequest, Provenance, error_json, result_json

#: A picture that comes with the program, and what is to be seen on it: a cup of espresso.
SAMPLE: Final = Path(__file__).parent.parent / "data" / "sample" / "espresso.jpg"
SAMPLE_SYNSET: Final = "n07920052"


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Classifies files of this machine; may be used from several threads at once."""

    classifier: Classifier
    labels: Labels
    limits: DecodeLimits

    def classify(self, path: Path, request: ClassifyRequest) -> dict[str, object]:
        """A file's result, with the same keys as a task's result, errors included."""
        start_s = time.perf_counter()
        classifier = self.classifier
        provenance = Provenance(classifier.library, classifier.pack.name, classifier.device)
        try:
            image = decode(self._read(path), classifier.pack.input, self.limits)
            predictions, warnings = name_best(infer(classifier, image), self.labels, request)
        except TaskError as err:
            return error_json(str(err), err.code, provenance, time.perf_counter() - start_s)
        return result_json(predictions, provenance, time.perf_counter() - start_s, warnings)

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                encoded = file.read(self.limits.file_bytes + 1)
        except OSError as err:
            raise FileMissing(f"the file cannot be read: {err.strerror or err}") from None
        if not encoded:
            raise EmptyFile("the file has no bytes")
        if len(encoded) > self.limits.file_bytes:
            raise TooLarge(f"the file has more than {self.limits.file_bytes} bytes")
        return encoded
