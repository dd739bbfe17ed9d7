"""What a model is: its files, its classes and their names, and the runtime that runs it.

Nothing here knows of bridges, tasks in flight or asyncio.
"""

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier


def load_classifier(model: str) -> Classifier:
    """The model of that name, loaded and tried on a blank picture.

    Raises:
        ConfigError: there is no such model.
        ModelError: its files are damaged.
    """
    classifier = OnnxClassifier(find_pack(model))
    classifier.load()
    return classifier
