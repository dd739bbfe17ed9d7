"""Networks of Keras: those of `keras.applications` by name, and one's own from a file."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.keras.model import find_keras_model
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_import import (
    check_installed,
    import_tensorflow,
)
from taskworker_classifyimage.classify.keras.tensorflow_runtime import build_network, preprocessing
from taskworker_classifyimage.classify.model_pack import TensorSpec, Triple
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError, one_line, pip_install
from taskworker_classifyimage.packing.keras_export import keras_to_onnx
from taskworker_classifyimage.packing.libraries import quiet
from taskworker_classifyimage.packing.network import (
    DEFAULT_CROP,
    DEFAULT_RESIZE,
    NO_LICENCE,
    SCALINGS,
    Images,
    Network,
    Scaling,
    Scores,
    Wishes,
    file_name,
    known_scaling,
    settled_size,
)

#: Before, a model file could run code or read other files in spite of `safe_mode`: CVE-2025-9905,
#: CVE-2026-1462, CVE-2026-1669 and what github.com/keras-team/keras/issues/23055 lists.
_SAFE_KERAS: Final = (3, 15)


def open_keras_name(name: str, wishes: Wishes, options: ModelOptions) -> Network:
    """A network of `keras.applications`, with Keras' own preprocessing for it.

    Raises:
        ConfigError: there is no such network, or a wish would be of no effect.
        ModelError: TensorFlow is not there, or the weights are not and cannot be had.
    """
    network = keras_networks().get(name)
    if network is None:
        near = ", ".join(get_close_matches(name, keras_networks(), n=3))
        raise ConfigError(
            f"{name} is no network of Keras{near and f' (there is {near})'}, no timm/NAME, and no "
            f".keras, .h5 or .onnx file"
        )
    wishes.refuse(f"Keras tells it of {name}", "size", "scaling", "colours")
    check_installed(name)
    model = find_keras_model(network, options)
    # Under other names are weights of the user's own.
    is_published = model.weights.name == network.file
    origin = network.url if is_published else f"{model.weights.name}, a local file"
    with quiet():
        tensorflow, keras = import_tensorflow()
        built, prepare = build_network(keras, model), preprocessing(keras, network)
        return Network(
            name=name,
            licence=network.licence if is_published else NO_LICENCE,
            source=f"{origin}, SHA-256 {model.sha256[:12]}...; Keras {keras.__version__}",
            published_top1=network.published_top1 if is_published else None,
            input=wishes.input(model.input.size, model.input.crop, model.input.resize),
            tensor=TensorSpec(),
            onnx=keras_to_onnx(tensorflow, built, network.size, prepare),
            scores=_scores(built, prepare),
        )


def open_keras_file(path: Path, wishes: Wishes) -> Network:
    """A whole model in a `.keras` or `.h5` file; it is read as data, code in it is refused.

    Raises:
        ConfigError: Keras is missing or too old, or how it wants its pictures is not told.
        ModelError: it is no model that a pack can hold.
    """
    with quiet():
        tensorflow, keras = import_tensorflow()
        if tuple(map(int, re.findall(r"\d+", keras.__version__)[:3])) < _SAFE_KERAS:
            raise ConfigError(
                f"Keras {keras.__version__} may run code that is hidden in a file: "
                f"{pip_install('keras>=' + '.'.join(map(str, _SAFE_KERAS)))}"
            )
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as err:
            raise ModelError(f"{path} cannot be loaded: {one_line(err)}") from err
        size = settled_size(_side(path, model), wishes)
        prepare = _scaling_of(known_scaling(wishes), is_bgr=wishes.colours == "BGR")
        return Network(
            name=file_name(path),
            licence=NO_LICENCE,
            source=f"{path.name}, a local file; Keras {keras.__version__}",
            published_top1=None,
            input=wishes.input(size, DEFAULT_CROP, DEFAULT_RESIZE),
            tensor=TensorSpec(),
            onnx=keras_to_onnx(tensorflow, model, size, prepare),
            scores=_scores(model, prepare),
        )


def _scaling_of(scaling: Scaling, *, is_bgr: bool) -> Callable[[Any], Any]:
    """A function of (N, S, S, 3) RGB, 0 to 255, arrays of NumPy and tensors alike."""
    subtract, divide = (_lean(each) for each in (scaling.subtract, scaling.divide))

    def prepare(pixels: Any) -> Any:
        ordered = pixels[..., ::-1] if is_bgr else pixels
        return ordered if scaling == SCALINGS["none"] else (ordered - subtract) / divide

    return prepare


def _lean(triple: Triple) -> npt.NDArray[np.float32]:
    """One number where all three are the same: that costs a tenth of the time in a graph."""
    return np.array(triple[0] if len(set(triple)) == 1 else triple, np.float32)


def _side(path: Path, model: Any) -> int | None:
    """How many pixels a side of the input has, None for any number."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise ModelError(f"{path} takes {shape}, not square pictures with three channels at last")
    return None if shape[1] is None else int(shape[1])


def _scores(model: Any, prepare: Callable[[Any], Any]) -> Callable[[Images], Scores]:
    """The network's own answer, with its preprocessing on NumPy arrays."""

    def scores(images: Images) -> Scores:
        with quiet():
            return np.asarray(model(prepare(images.astype(np.float32)), training=False))

    return scores
