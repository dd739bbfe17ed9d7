"""The configuration of a Keras file: read and inspected as data, and mended where Keras 2 wrote it.

Keras 3 loads files of Keras 2 but for a few things that it knows no more. They are put right in a
copy, which Keras 3 then loads with all its guards against hidden code.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.libraries import import_library

#: Layers that run code, or that load other files.
_OF_CODE: Final = frozenset(
    ["FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "function", "__lambda__"]
)
#: Values, which are data.
_VALUES: Final = frozenset(["__numpy__", "__tensor__", "Policy", "TensorShape", "CompileConfig"])
_MODULES: Final = (
    "layers",
    "models",
    "initializers",
    "regularizers",
    "constraints",
    "dtype_policies",
)
#: What matters only for training, and what Keras 2 wrote in ways that Keras 3 does not read.
_OF_TRAINING: Final = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True, slots=True)
class KerasConfig:
    """What a file says about its model.

    Attributes:
        model: the configuration, as in JSON.
        is_of_keras_2: whether Keras 2 wrote it.
    """

    model: dict[str, Any]
    is_of_keras_2: bool


def read_config(path: Path) -> KerasConfig | None:
    """Reads the configuration of a `.keras` or `.h5` file; None if it has none.

    Raises:
        ConfigError: h5py is not installed, which comes with TensorFlow.
        ModelError: it is no such file.
    """
    is_zip = path.suffix == ".keras"
    try:
        text, version = _read_zip(path) if is_zip else _read_hdf5(path)
        model = None if text is None else json.loads(text)
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as err:
        raise ModelError(
            f"{path} cannot be loaded: it is no file of Keras: {one_line(err)}"
        ) from err
    return KerasConfig(model, version.startswith("2.")) if isinstance(model, dict) else None


def refuse_code(config: KerasConfig, path: Path, keras: Any) -> None:
    """Refuses code, and whatever is not Keras' own, before anything is loaded.

    Args:
        config: of the file.
        path: of the file, for messages.
        keras: the module, which knows its layers.

    Raises:
        ModelError: there is such a thing; the message names it.
    """
    for node in _walk(config.model):
        kind = node.get("class_name")
        if not isinstance(kind, str) or kind in _VALUES:
            continue
        if kind in _OF_CODE:
            raise ModelError(
                f"{path} has code in it ({kind}), which loading would run: it is refused; save the "
                "model without, or export it as ONNX where it was made"
            )
        home = node.get("module") or "keras"
        is_known = any(
            isinstance(getattr(getattr(keras, each), kind, None), type) for each in _MODULES
        )
        if str(home).split(".")[0] not in ("keras", "tf_keras", "builtins") or not (
            is_known or kind in ("Functional", "Model")
        ):
            raise ModelError(
                f"{path} has a {kind}, which Keras {keras.__version__} does not know; export the "
                "model as ONNX where it was made, or as a SavedModel"
            )


def mended_copy(config: KerasConfig, path: Path, folder: Path) -> Path:
    """Writes a copy of an `.h5` file of Keras 2 that Keras 3 reads.

    Returns:
        The copy, in that folder.
    """
    h5py = import_library("h5py", "tensorflow")
    copy = folder / "mended.h5"
    shutil.copyfile(path, copy)
    _mend(config.model)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(config.model)
    return copy


def _read_hdf5(path: Path) -> tuple[str | None, str]:
    h5py = import_library("h5py", "tensorflow")
    with h5py.File(path, "r") as file:
        texts = [file.attrs.get(key) for key in ("model_config", "keras_version")]
    config, version = (text.decode() if isinstance(text, bytes) else text for text in texts)
    return config, str(version)


def _read_zip(path: Path) -> tuple[str | None, str]:
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("config.json")
        if member.file_size > 64 * 2**20:
            raise ValueError("its configuration is too large")
        return archive.read(member).decode(), "3"


def _walk(root: object) -> Iterator[dict[str, Any]]:
    """All objects of a configuration."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def has_layer(config: KerasConfig, kind: str) -> bool:
    """Whether there is a layer of that kind."""
    return any(node.get("class_name") == kind for node in _walk(config.model))


def layers_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a model, in order; none of anything else."""
    settings = node.get("config")
    layers = settings.get("layers") if isinstance(settings, dict) else None
    return [each for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []


def _mend(model: dict[str, Any]) -> None:
    """Changes a configuration of Keras 2 to what Keras 3 reads."""
    names = set[str]()
    for node in _walk(model):
        settings = node.get("config")
        if not isinstance(settings, dict):
            continue
        _mend_layer(node.get("class_name"), settings)
        if layers_of(node):
            _add_input(settings)
            _flatten_ends(settings)
            _renumber_calls(node)
        if isinstance(settings.get("name"), str) and "/" in settings["name"]:
            names.add(settings["name"])
    _rename(model, names)


def _mend_layer(kind: object, settings: dict[str, Any]) -> None:
    for key in [key for key in settings if key.endswith(_OF_TRAINING)]:
        del settings[key]
    if kind in ("DepthwiseConv2D", "SeparableConv2D") and settings.get("groups") == 1:
        del settings["groups"]
    if kind == "BatchNormalization" and isinstance(settings.get("axis"), list):
        (settings["axis"],) = settings["axis"]
    settings.pop("rng_type", None)
    policy = settings.get("dtype")
    if isinstance(policy, dict) and policy.get("class_name") == "Policy":
        settings["dtype"] = policy["config"]["name"]


def _add_input(settings: dict[str, Any]) -> None:
    """Says what a model of layers in a row takes in a layer for it, not in the first of them."""
    first = settings["layers"][0]
    inside = first.get("config") if isinstance(first, dict) else None
    if not isinstance(inside, dict) or first["class_name"] == "InputLayer":
        return
    shape = inside.pop("batch_input_shape", None)
    if shape is not None:
        config = {"batch_input_shape": shape, "name": f"{inside.get('name')}_input"}
        settings["layers"].insert(0, {"class_name": "InputLayer", "config": config})


def _flatten_ends(settings: dict[str, Any]) -> None:
    """One input is itself, not a list of one; else the model takes and gives lists."""
    for key in ("input_layers", "output_layers"):
        ends = settings.get(key)
        if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
            (settings[key],) = ends


def _renumber_calls(model: dict[str, Any]) -> None:
    """Counts the calls of an inner model from 0.

    Keras 2 counted the call in which the inner model was built; Keras 3 does not.
    """
    layers = layers_of(model)
    once = {
        layer.get("name")
        for layer in layers
        if layers_of(layer) and len(layer.get("inbound_nodes") or ()) == 1
    }
    ends = [model["config"].get("output_layers"), *(each.get("inbound_nodes") for each in layers)]
    for call in _lists(ends):
        if len(call) >= 3 and isinstance(call[0], str) and call[0] in once and call[1] == 1:
            call[1] = 0


def _rename(model: dict[str, Any], names: set[str]) -> None:
    """Takes the slashes out of names, wherever they stand."""
    places: list[Any] = [*_walk(model), *_lists(model)]
    for place in places:
        pairs = place.items() if isinstance(place, dict) else enumerate(place)
        for key, value in list(pairs):
            if isinstance(value, str) and value in names:
                place[key] = value.replace("/", "_")


def _lists(root: object) -> Iterator[list[Any]]:
    """All lists of a configuration."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            yield node
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
