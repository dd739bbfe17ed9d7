"""Exports of Google's Teachable Machine, prepared as its own code prepares pictures.

That code takes the square in the centre of the picture, scales it to 224 x 224 with Lanczos, and
the values to -1 to 1.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from taskworker_classifyimage.packing.keras_config import KerasConfig, layers_of, read_config
from taskworker_classifyimage.packing.keras_source import open_keras_file
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_labels

_SIDE: Final = 224


def recognise_teachable_machine(files: SourceFiles) -> Source | None:
    """The Keras export: `keras_model.h5`, of which the layers tell, and `labels.txt`."""
    path = files.find("keras_model.h5", "*.h5")
    config = None if path is None else read_config(path)
    if path is None or config is None or not _is_of_teachable_machine(config):
        return None
    says = PackOptions(
        size=_SIDE,
        crop=1.0,
        resize="lanczos",
        scaling=SCALINGS["signed"],
        colours="RGB",
        kind="probabilities",
        classes=read_labels(files),
    )
    open_export = partial(open_keras_file, path, prepare_images=prepare_images)
    return Source("Keras export of Teachable Machine", says, open_export)


def prepare_images(images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
    """RGB images of any size to (N, 224, 224, 3) float32, as Teachable Machine's snippet does."""
    squares = [ImageOps.fit(each, (_SIDE, _SIDE), Image.Resampling.LANCZOS) for each in images]
    return np.stack([np.asarray(square, np.float32) / 127.5 - 1 for square in squares])


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
