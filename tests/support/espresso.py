"""Whether the default model sees in a file what the packaged photograph shows."""

from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.pipeline.infer import infer
from taskworker_classifyimage.sample import SAMPLE_SYNSET


class Espresso:
    def __init__(self) -> None:
        self._classifier = load_classifier("EfficientNetLite2")
        self._ids = labels_of(self._classifier.model).ids

    def is_seen_in(self, encoded: bytes) -> bool:
        decoded = decode(encoded, self._classifier.model.input, DecodeLimits())
        return self._ids[int(infer(self._classifier, decoded.pixels).argmax())] == SAMPLE_SYNSET
