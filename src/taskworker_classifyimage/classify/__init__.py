"""What a model is: its files, its classes and their names, and the runtime that runs it.

Nothing here knows of bridges, tasks in flight or asyncio.
"""

import logging
from collections.abc import Sequence

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.batching import BatchingClassifier
from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.classify.openvino_runtime import OpenVinoClassifier
from taskworker_classifyimage.errors import ConfigError, DeviceUnusable

_log = logging.getLogger(__name__)


def load_classifier(model: str, device: str = "cpu") -> Classifier:
    """The model of that name, loaded and tried on a blank picture.

    Args:
        model: a name in the catalogue, or the path of a model pack.
        device: "cpu"; "cuda" or "openvino", which fall back to it with a warning if they do not
            work; "auto", a GPU if there is one.

    Raises:
        ConfigError: there is no such model.
        ModelError: its files are damaged.
    """
    pack = find_pack(model)
    classifiers = {"cuda": _on_gpu, "auto": _on_gpu, "openvino": _on_openvino}
    if device in classifiers:
        try:
            return classifiers[device](pack)
        except DeviceUnusable as err:
            level = logging.DEBUG if device == "auto" else logging.WARNING
            _log.log(level, "device %s cannot be used, working on the CPU: %s", device, err)
    on_cpu = OnnxClassifier(pack)
    on_cpu.load()
    return on_cpu


def load_classifiers(models: Sequence[str], device: str = "cpu") -> list[Classifier]:
    """Several models at once, in the order given.

    Raises:
        ConfigError: there is no such model, or two have one name.
        ModelError: files are damaged.
    """
    classifiers: dict[str, Classifier] = {}
    for model in models:
        classifier = load_classifier(model, device)
        name = classifier.model.name
        if name in classifiers:
            raise ConfigError(f"model: two models are called {name!r}, tasks cannot choose")
        classifiers[name] = classifier
    return list(classifiers.values())


def _on_gpu(pack: ModelPack) -> Classifier:
    classifier = OnnxClassifier(pack, "cuda")
    classifier.load()
    return BatchingClassifier(classifier)


def _on_openvino(pack: ModelPack) -> Classifier:
    classifier = OpenVinoClassifier(pack)
    classifier.load()
    return classifier
