"""Networks of Keras: those of `keras.applications` by name, and a user's own from a file.

tf2onnx converts them to ONNX, with some help where it does not know Keras or TensorFlow.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.keras.model import find_keras_model
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_import import (
    check_installed,
    import_tensorflow,
)
from taskworker_classifyimage.classify.keras.tensorflow_runtime import build_network, preprocessing
from taskworker_classifyimage.classify.model_pack import Triple
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError, one_line, pip_install
from taskworker_classifyimage.packing.graph import simplify
from taskworker_classifyimage.packing.keras_config import (
    KerasConfig,
    has_layer,
    mended_copy,
    read_config,
    refuse_code,
)
from taskworker_classifyimage.packing.libraries import import_library, quiet_libraries
from taskworker_classifyimage.packing.network import (
    SCALINGS,
    Network,
    PackOptions,
    Scaling,
    Scores,
    name_after,
)
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_labels

PrepareImages = Callable[[Sequence[Image.Image]], npt.NDArray[np.float32]]

#: Before, a model file could run code or read other files in spite of `safe_mode`: CVE-2025-9905,
#: CVE-2026-1462, CVE-2026-1669 and what github.com/keras-team/keras/issues/23055 lists.
_SAFE_KERAS: Final = (3, 15)
#: The highest operator set that tf2onnx 1.17 knows well.
_OPSET: Final = 17


def open_keras_name(name: str, options: PackOptions, models: ModelOptions) -> Network:
    """Opens a network of `keras.applications`, with Keras' own preprocessing for it.

    Raises:
        ConfigError: there is no such network, or an option would have no effect.
        ModelError: TensorFlow is not there, or the weights are not and cannot be downloaded.
    """
    network = keras_networks().get(name)
    if network is None:
        near = ", ".join(get_close_matches(name, keras_networks(), n=3))
        raise ConfigError(
            f"{name} is not a network of Keras{near and f' (there is {near})'}, a timm/NAME, or a "
            f"file or folder that is there"
        )
    options.refuse(f"Keras knows it for {name}", "size", "scaling", "colours")
    check_installed(name)
    model = find_keras_model(network, models)
    # A file of another name holds the user's own weights.
    is_published = model.weights.name == network.file
    origin = network.url if is_published else f"{model.weights.name}, a local file"
    with quiet_libraries():
        tensorflow, keras = import_exact_tensorflow()
        built, prepare = build_network(keras, model), preprocessing(keras, network)
        packed = Network(
            name=name,
            source=f"{origin}, SHA-256 {model.sha256[:12]}...; Keras {keras.__version__}",
            input=options.input_spec(model.input.size, model.input.crop, model.input.resize),
            onnx=export(tensorflow, built, network.size, prepare),
            scores=make_scores(built, lambda images: prepare(images.astype(np.float32))),
        )
    if not is_published:
        return packed
    return replace(packed, licence=network.licence, published_top1=network.published_top1)


def recognise_keras(files: SourceFiles) -> Source | None:
    """A whole model in a file of Keras."""
    path = files.find("*.keras", "*.h5", "*.hdf5")
    if path is None:
        return None
    config = read_config(path)
    if config is None and files.file is None:
        # Weights alone, beside a network of another kind.
        return None
    says = PackOptions(classes=read_labels(files))
    if config is not None and has_layer(config, "Rescaling"):
        says = replace(says, scaling=SCALINGS["none"])
    return Source("Keras file", says, partial(open_keras_file, path))


def open_keras_file(
    path: Path, options: PackOptions, prepare_images: PrepareImages | None = None
) -> Network:
    """Opens a whole model in a `.keras` or `.h5` file, as data: code in it is refused.

    Args:
        path: of the file.
        options: how the model wants its pictures.
        prepare_images: the preprocessing of whoever made the file: RGB images of any size to what
            the model takes.

    Raises:
        ConfigError: Keras is too old, or the options do not say how the model wants its pictures.
        ModelError: TensorFlow is not there, or it is no model that a pack can hold.
    """
    config = read_config(path)
    with quiet_libraries():
        tensorflow, keras = import_exact_tensorflow()
        model = load_model(path, config, keras)
        source = f"{path.name}, a local file; Keras {keras.__version__}"
        sized = replace(options, size=options.choose_size(_read_side(path, model)))
        return describe_network(tensorflow, model, path, source, sized, prepare_images)


def describe_network(
    tensorflow: Any,
    model: Any,
    path: Path,
    source: str,
    options: PackOptions,
    prepare_images: PrepareImages | None,
) -> Network:
    """The network of a model that takes float32 pictures, scaled as the options say.

    Args:
        tensorflow: the module.
        model: of Keras.
        path: of its file or folder.
        source: where it comes from, for people.
        options: what is known about it, its size too.
        prepare_images: see `open_keras_file`.

    Raises:
        ConfigError: the options do not say how the model wants its pictures.
    """
    size = options.choose_size(None)
    prepare = make_scaling(options.require_scaling(), is_bgr=options.colours == "BGR")
    return Network(
        name=name_after(path),
        source=source,
        input=options.input_spec(size),
        onnx=export(tensorflow, model, size, prepare),
        scores=make_scores(model, lambda images: prepare(images.astype(np.float32))),
        scores_of_images=prepare_images and make_scores(model, prepare_images),
    )


def load_model(path: Path, config: KerasConfig | None, keras: Any) -> Any:
    """The model of a file, which is inspected first; what Keras 2 wrote is put right in a copy.

    Raises:
        ConfigError: Keras is too old.
        ModelError: there is code in it, or it is no model that Keras 3 knows.
    """
    if tuple(map(int, re.findall(r"\d+", keras.__version__)[:3])) < _SAFE_KERAS:
        raise ConfigError(
            f"Keras {keras.__version__} may run code that is hidden in a file: "
            f"{pip_install('keras>=' + '.'.join(map(str, _SAFE_KERAS)))}"
        )
    if config is None:
        raise ModelError(f"{path} has weights alone: save the whole model, or pack it by its name")
    refuse_code(config, path, keras)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        try:
            sound = mended_copy(config, path, Path(temporary)) if config.is_of_keras_2 else path
            return keras.saving.load_model(sound, compile=False, safe_mode=True)
        except Exception as err:
            # Keras puts the whole configuration first, and the reason last.
            reason = one_line(err).rpartition("Exception encountered: ")[2][:200]
            raise ModelError(f"{path} cannot be loaded: {reason}") from err


def import_exact_tensorflow() -> tuple[Any, Any]:
    """The modules `tensorflow` and `keras`, which compute in full precision."""
    tensorflow, keras = import_tensorflow()
    # By default, a GPU rounds float32 to the 10 bits of TF32, and the pack would seem to be wrong.
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    return tensorflow, keras


def _read_side(path: Path, model: Any) -> int | None:
    """How many pixels each side of the input has, None for any number."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise ModelError(f"{path} takes {shape}, not square pictures with three channels at last")
    return None if shape[1] is None else int(shape[1])


def make_scaling(scaling: Scaling, *, is_bgr: bool) -> Callable[[Any], Any]:
    """A function of (N, S, S, 3) RGB, 0 to 255, for arrays of NumPy and for tensors."""
    subtract, divide = (_to_constant(values) for values in (scaling.subtract, scaling.divide))

    def prepare(pixels: Any) -> Any:
        ordered = pixels[..., ::-1] if is_bgr else pixels
        return ordered if scaling == SCALINGS["none"] else (ordered - subtract) / divide

    return prepare


def _to_constant(triple: Triple) -> npt.NDArray[np.float32]:
    """One number where all three are the same: three would take a tenth of the graph's time."""
    return np.array(triple[0] if len(set(triple)) == 1 else triple, np.float32)


def make_scores(model: Any, prepare: Callable[[Any], Any]) -> Callable[[Any], Scores]:
    """The network's own answer to what `prepare` takes, which makes NumPy arrays."""

    def scores(images: Any) -> Scores:
        with quiet_libraries():
            return np.asarray(model(prepare(images), training=False))

    return scores


def export(tensorflow: Any, model: Any, size: int, prepare: Callable[[Any], Any]) -> bytes:
    """The network as ONNX, with its preprocessing in the graph: it reads uint8 NHWC RGB.

    Args:
        tensorflow: the module.
        model: a `keras.Model` that takes (N, size, size, 3) float32.
        size: side of the input, in pixels.
        prepare: (N, size, size, 3) float32 RGB, 0 to 255, to what the model takes.

    Raises:
        ConfigError: tf2onnx is not installed.
        ModelError: it does not know one of the network's operators.
    """
    converter = import_library("tf2onnx.convert", "tensorflow")
    spec = tensorflow.TensorSpec((None, size, size, 3), tensorflow.uint8)

    def answer(image: Any) -> Any:
        return model(prepare(tensorflow.cast(image, tensorflow.float32)), training=False)

    function = tensorflow.function(answer, input_signature=[spec], autograph=False)
    try:
        with _inline_functions(tensorflow):
            exported, _ = converter.from_function(
                function,
                input_signature=[spec],
                opset=_OPSET,
                custom_op_handlers={"Erfc": (_replace_erfc, [])},
            )
            _add_captures(exported.graph, function.get_concrete_function().graph.captures)
    except Exception as err:
        raise ModelError(f"tf2onnx cannot write the network as ONNX: {one_line(err)}") from err
    return simplify(exported)


@contextmanager
def _inline_functions(tensorflow: Any) -> Iterator[None]:
    """Traces functions that layers compile for themselves as part of the one graph.

    Keras has one around each grouped convolution, as in ConvNeXt, and tf2onnx supports no calls.
    """
    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(before)


def _add_captures(graph: Any, captures: list[tuple[Any, Any]]) -> None:
    """Makes constants of the tensors that a layer holds outside its weights; they came as inputs.

    Normalization, with which EfficientNets begin, has two.
    """
    from onnx import numpy_helper  # noqa: PLC0415 - comes with the extra

    captured = {inside.name: outside for outside, inside in captures}
    for tensor in [tensor for tensor in graph.input if tensor.name in captured]:
        values = captured[tensor.name].numpy()
        graph.initializer.append(numpy_helper.from_array(values, tensor.name))
        graph.input.remove(tensor)


def _replace_erfc(graph: Any, node: Any, name: str, _arguments: Any) -> None:
    """Writes Erfc, which TensorFlow 2.21 uses for GELU and ONNX lacks, as 1 - Erf."""
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    erf = graph.make_node("Erf", node.input)
    shapes, types = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        name=name,
        outputs=node.output,
        shapes=shapes,
        dtypes=types,
    )
