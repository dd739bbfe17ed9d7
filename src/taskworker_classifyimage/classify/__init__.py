"""What a model is: its files, its classes and their names, and the runtime that runs it.

Nothing here knows of bridges, tasks in flight or asyncio.
"""

import logging

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.batching import BatchingClassifier
from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.onnx_runtime import DeviceUnusable, OnnxClassifier

_log = logging.getLogger(__name__)


def load_classifier(model: str, device: str = "cpu") -> Classifier:
    """The model of that name, loaded and tried on a blank picture.

    Args:
        model: a name in the catalogue, or the path of a model pack.
        device: "cpu"; "cuda", which falls back to the CPU with a warning if it does not work; or
            "auto", which falls back without one.

    Raises:
        ConfigError: there is no such model.
        ModelError: its files are damaged.
    """
    pack = find_pack(model)
    if device != "cpu":
        on_gpu = OnnxClassifier(pack, "cuda")
        try:
            on_gpu.load()
        except DeviceUnusable as err:
            level = logging.WARNING if device == "cuda" else logging.DEBUG
            _log.log(level, "device cuda cannot be used, working on the CPU: %s", err)
        else:
            return BatchingClassifier(on_gpu)
    on_cpu = OnnxClassifier(pack)
    on_cpu.load()
    return on_cpu
