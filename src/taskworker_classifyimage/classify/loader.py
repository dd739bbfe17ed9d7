"""Loads models by name onto a device, and tries them before the first task."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.batching import BatchingClassifier
from taskworker_classifyimage.classify.catalogue import find_model
from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.classify.keras.model import KerasModel
from taskworker_classifyimage.classify.keras.tensorflow_runtime import TensorFlowClassifier
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.classify.openvino_runtime import OpenVinoClassifier
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.classify.runtimes import read_speeds, speeds_file
from taskworker_classifyimage.classify.warm_up import check_agreement
from taskworker_classifyimage.errors import ConfigError, DeviceMissing, ModelError
from taskworker_classifyimage.input_spec import as_original

_log = logging.getLogger(__name__)

_DEFAULTS: Final = ModelOptions()


def load_classifiers(
    models: Sequence[str], device: Device = CPU, options: ModelOptions = _DEFAULTS
) -> list[Classifier]:
    """Loads several models, in the order given.

    Raises:
        ConfigError: there is no such model, or two have the same name.
        ModelError: files are damaged, or cannot be obtained.
    """
    classifiers: dict[str, Classifier] = {}
    for model in models:
        classifier = load_classifier(model, device, options)
        name = classifier.model.name
        if name in classifiers:
            raise ConfigError(f"model: two models are called {name!r}, tasks cannot choose")
        classifiers[name] = classifier
    return list(classifiers.values())


def load_classifier(
    model: str, device: Device = CPU, options: ModelOptions = _DEFAULTS
) -> Classifier:
    """Loads a model and tries it.

    Args:
        model: a name in the catalogue, or the path of a model pack.
        device: if it cannot run the model, a warning is logged and the CPU runs it.
        options: where models are looked for, and how pictures are prepared for them.

    Raises:
        ConfigError: there is no such model.
        ModelError: its files are damaged, or cannot be obtained.
    """
    found = find_model(model, options)
    if options.preprocessing == "original":
        found = dataclasses.replace(found, input=as_original(found.input))
    if options.labels_dir is not None:
        found = dataclasses.replace(found, labels_dir=options.labels_dir)
    on_cpu = _load(found, CPU)
    if device.kind == "cpu":
        return on_cpu
    if device.kind == "auto":
        accelerated = _accelerate(found, on_cpu, Device("cuda"), is_sure=False)
        if accelerated is on_cpu and _is_openvino_faster(on_cpu, options):
            return _accelerate(found, on_cpu, Device("openvino"))
        return accelerated
    return _accelerate(found, on_cpu, device)


def _accelerate(
    found: ModelPack | KerasModel, on_cpu: Classifier, device: Device, *, is_sure: bool = True
) -> Classifier:
    """Loads a model on a device if it works there; `is_sure`: whether it is expected to exist."""
    try:
        accelerated = _load(found, device)
        check_agreement(accelerated, on_cpu)
    except ModelError as err:
        # The network itself runs on the CPU, so the fault is the device's.
        is_expected = not is_sure and isinstance(err, DeviceMissing)
        level = logging.DEBUG if is_expected else logging.WARNING
        _log.log(level, "device %s cannot be used, working on the CPU: %s", device, err)
        return on_cpu
    # OpenVINO takes calls side by side; other devices take one at a time, so they get batches.
    is_parallel = isinstance(accelerated, OpenVinoClassifier)
    return accelerated if is_parallel else BatchingClassifier(accelerated)


def _is_openvino_faster(on_cpu: Classifier, options: ModelOptions) -> bool:
    if options.speeds is None or not isinstance(on_cpu.model, ModelPack):
        return False
    file = speeds_file(options.speeds, on_cpu.model, on_cpu.library)
    speeds = None if file is None else read_speeds(file)
    if speeds is None or not speeds.favour_openvino:
        return False
    _log.info("%s runs with OpenVINO: a picture took %s", on_cpu.model.name, speeds)
    return True


def _load(found: ModelPack | KerasModel, device: Device) -> Classifier:
    if isinstance(found, KerasModel):
        return TensorFlowClassifier.load(found, device)
    if device.kind == "openvino":
        return OpenVinoClassifier.load(found, device)
    return OnnxClassifier.load(found, device)
