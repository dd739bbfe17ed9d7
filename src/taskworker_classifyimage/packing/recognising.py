"""Tells of which kind a source is.

A kind is one file with a function that looks at the files of a source and gives a `Source`, or None
if they are of another kind. It loads nothing: what the files say is read as data.
"""

from collections.abc import Callable
from typing import Final

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.packing.custom_vision_source import recognise_custom_vision
from taskworker_classifyimage.packing.hugging_face_source import recognise_hugging_face
from taskworker_classifyimage.packing.keras_source import recognise_keras
from taskworker_classifyimage.packing.onnx_source import recognise_onnx
from taskworker_classifyimage.packing.pickles import refuse_pickle, refuse_pickles
from taskworker_classifyimage.packing.saved_model_source import recognise_saved_model
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles
from taskworker_classifyimage.packing.teachable_machine import recognise_teachable_machine
from taskworker_classifyimage.packing.tflite_source import recognise_tflite
from taskworker_classifyimage.packing.ultralytics_source import recognise_ultralytics

#: Those that say more about themselves come first.
_KINDS: Final[tuple[Callable[[SourceFiles], Source | None], ...]] = (
    recognise_ultralytics,
    recognise_custom_vision,
    recognise_hugging_face,
    recognise_teachable_machine,
    recognise_keras,
    recognise_tflite,
    recognise_saved_model,
    recognise_onnx,
)


def recognise(files: SourceFiles) -> Source:
    """The source that these files are.

    Raises:
        ConfigError: they are no network that this program knows.
        ModelError: they are one that no pack can be made of, such as a pickle.
    """
    if files.file is not None:
        refuse_pickle(files.file)
    if files.file is None and files.beside("model.toml") and files.beside("model.onnx"):
        raise ConfigError(f"{files.given} is a model pack already: --model {files.given}")
    for kind in _KINDS:
        source = kind(files)
        if source is not None:
            return source
    refuse_pickles(files.folder)
    raise ConfigError(
        f"{files.given} is no network that is known here: .keras, .h5, .tflite, .onnx, a "
        "SavedModel, or a folder or zip with one of these"
    )
