"""Exports of Google's Teachable Machine, prepared as its own code prepares pictures.

That code takes the square in the centre of the picture, scales it to 224 x 224 with Lanczos, and
the values to -1 to 1.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from taskworker_classifyimage.classify.base import Images
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing.keras_config import KerasConfig, layers_of, read_config
from taskworker_classifyimage.packing.keras_source import open_keras_file
from taskworker_classifyimage.packing.network import SCALINGS, Network, PackOptions
from taskworker_classifyimage.packing.saved_model_source import find_folder, open_saved_model
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_labels
from taskworker_classifyimage.packing.tflite_file import TfliteFile, read_tflite
from taskworker_classifyimage.packing.tflite_source import open_tflite

_SIDE: Final = 224
_SAYS: Final = PackOptions(
    size=_SIDE,
    crop=1.0,
    resize="lanczos",
    scaling=SCALINGS["signed"],
    colours="RGB",
    kind="probabilities",
)
#: The input's name in its TFLite files, old and new.
_INPUT: Final = re.compile(r"(serving_default_)?sequential_\d+_input(:0)?")


def recognise_teachable_machine(files: SourceFiles) -> Source | None:
    """An export for Keras or TensorFlow, of which the layers tell, and `labels.txt`.

    Raises:
        ModelError: it is one for the browser, or for a microcontroller.
    """
    if files.beside("model.json") and files.beside("weights.bin") and files.beside("metadata.json"):
        raise ModelError(
            f"{files.given} is an export of Teachable Machine for the browser; export the project "
            "for TensorFlow: Keras"
        )
    return _recognise_keras(files) or _recognise_tflite(files) or _recognise_saved_model(files)


def _recognise_keras(files: SourceFiles) -> Source | None:
    path = files.find("keras_model.h5", "*.h5")
    config = None if path is None else read_config(path)
    if path is None or config is None or not _is_of_teachable_machine(config):
        return None
    says = replace(_SAYS, classes=read_labels(files))
    open_export = partial(open_keras_file, path, prepare_images=_to_values)
    return Source("Keras export of Teachable Machine", says, open_export)


def _recognise_tflite(files: SourceFiles) -> Source | None:
    path = files.find("model_unquant.tflite", "model.tflite", "*.tflite")
    file = None if path is None else read_tflite(path)
    if path is None or file is None or not _INPUT.fullmatch(file.input.name):
        return None
    says = replace(_SAYS, classes=read_labels(files))
    if file.input.dtype != "float32":
        says = replace(says, scaling=None)
    what = f"TensorFlow Lite export of Teachable Machine, {file.input.dtype}"
    return Source(what, says, partial(_open_tflite, path, file))


def _recognise_saved_model(files: SourceFiles) -> Source | None:
    folder = find_folder(files)
    if folder is None or folder.name != "model.savedmodel":
        return None
    says = replace(_SAYS, classes=read_labels(files))
    open_export = partial(open_saved_model, folder, prepare_images=_to_values)
    return Source("SavedModel export of Teachable Machine", says, open_export)


def _open_tflite(path: Path, file: TfliteFile, options: PackOptions) -> Network:
    network = open_tflite(path, file, options, _cut)
    if (file.input.dtype, file.input.zero) != ("uint8", 0):
        return network
    # Its scale says that it was measured on 0 to 1, and trained on -1 to 1.
    remark = (
        "Teachable Machine made this old export of 8 bits for other values than its network was "
        "trained on; it is packed as it is, and the Keras export of the project is better."
    )
    return replace(network, remarks=(*network.remarks, remark))


def _cut(images: Sequence[Image.Image]) -> Images:
    """RGB images of any size to (N, 224, 224, 3) uint8, as Teachable Machine's snippet does."""
    squares = [ImageOps.fit(each, (_SIDE, _SIDE), Image.Resampling.LANCZOS) for each in images]
    return np.stack([np.asarray(square) for square in squares])


def _to_values(images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
    """The same, -1 to 1, float32."""
    return _cut(images).astype(np.float32) / np.float32(127.5) - np.float32(1)


def _is_of_teachable_machine(config: KerasConfig) -> bool:
    """Whether it is a trunk with a global average, then dense layers, in two inner models."""
    inner = [layer for layer in layers_of(config.model) if layers_of(layer)]
    if not config.is_of_keras_2 or len(inner) != 2:
        return False
    trunk, head = (layers_of(model) for model in inner)
    last: Any = head[-1].get("config") or {}
    return (
        trunk[-1].get("class_name") == "GlobalAveragePooling2D"
        and [each.get("class_name") for each in head[-2:]] == ["Dense", "Dense"]
        and (last.get("activation"), last.get("use_bias")) == ("softmax", False)
    )
