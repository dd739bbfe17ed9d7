"""Classification networks of TensorFlow Lite, in floats and in 8 bits.

The measure is TensorFlow Lite itself. Of a network of 8 bits it gives no one answer: its kernels
differ among themselves, so a pack may differ from one as much as the others do.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.base import Images
from taskworker_classifyimage.classify.keras.tensorflow_import import (
    import_tensorflow,
)
from taskworker_classifyimage.classify.model_pack import TensorSpec
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing.libraries import quiet_libraries
from taskworker_classifyimage.packing.network import Network, PackOptions, Scaling, name_after
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_labels
from taskworker_classifyimage.packing.tflite_file import TfliteFile, read_tflite
from taskworker_classifyimage.packing.tflite_graph import convert_tflite
from taskworker_classifyimage.packing.trial import is_survived
from taskworker_classifyimage.standard_streams import silent_stderr

#: The whole pictures of a source to (N, S, S, 3) uint8 RGB, by its own preprocessing.
CutImages = Callable[[Sequence[Image.Image]], Images]

_EDGE_TPU: Final = "edgetpu-custom-op"
_KINDS: Final[dict[str, Literal["probabilities", "independent"]]] = {
    "softmax": "probabilities",
    "sigmoid": "independent",
}


def recognise_tflite(files: SourceFiles) -> Source | None:
    """A TFLite file, whose metadata may say all, or nothing."""
    path = files.find("*.tflite")
    if path is None:
        return None
    file = read_tflite(path)
    return Source("TFLite file", say(path, file, files), partial(open_tflite, path, file))


def say(path: Path, file: TfliteFile, files: SourceFiles) -> PackOptions:
    """What a file says about its network.

    Raises:
        ModelError: it does not take square pictures of three channels.
    """
    shape = file.input.shape
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise ModelError(f"{path} takes {shape}, not square pictures with three channels at last")
    return PackOptions(
        size=shape[1],
        scaling=file.scaling if file.input.dtype == "float32" else None,
        kind=_KINDS.get(file.last),
        classes=file.classes or read_labels(files),
        licence=file.licence,
        source=file.source,
    )


def open_tflite(
    path: Path, file: TfliteFile, options: PackOptions, cut: CutImages | None = None
) -> Network:
    """Opens a TFLite file; its own answers are those of TensorFlow Lite.

    Args:
        path: of the file.
        file: what it says.
        options: how it wants its pictures.
        cut: the source's own preprocessing but for the scaling.

    Raises:
        ConfigError: the options do not say how it wants its pictures, or a library is missing.
        ModelError: it has operators that are not TensorFlow Lite's own, or that ONNX lacks.
    """
    if file.custom:
        what = ", ".join(file.custom)
        advice = "export it without, as for a phone" if _EDGE_TPU in file.custom else "export ONNX"
        raise ModelError(
            f"{path} has operators that are not TensorFlow Lite's own: {what}; {advice}"
        )
    tensor, scaling = _describe_tensor(path, file, options)
    tensorflow, _ = import_tensorflow()
    if not is_survived(lambda: _try(tensorflow, path)):
        raise ModelError(f"{path} crashes TensorFlow Lite: it is damaged")
    content, has_8_bits = convert_tflite(path)
    prepare = partial(_prepare, file=file, scaling=scaling, is_bgr=options.colours == "BGR")
    run = partial(_run, _open(tensorflow, path), file, prepare)
    network = Network(
        name=name_after(path),
        source=f"{path.name}, a local file; TensorFlow Lite {tensorflow.__version__}",
        input=options.input_spec(options.choose_size(file.input.shape[1])),
        onnx=content,
        scores=run,
        scores_of_images=None if cut is None else lambda images: run(cut(images)),
        tensor=tensor,
        has_8_bits=has_8_bits,
        remarks=("Its metadata calibrate the scores; the pack's are not.",) * file.is_calibrated,
    )
    if not has_8_bits:
        return network
    other = partial(_run, _open(tensorflow, path, is_reference=True), file, prepare)
    return replace(network, other_scores=other)


def _describe_tensor(
    path: Path, file: TfliteFile, options: PackOptions
) -> tuple[TensorSpec, Scaling | None]:
    """What the pack takes, and how values are scaled for the network; None: as bytes."""
    colours = options.colours or "RGB"
    if file.input.dtype in ("uint8", "int8"):
        options.refuse("the network takes the bytes of a picture as they are", "scaling")
        return TensorSpec("uint8", "NHWC", colours), None
    if file.input.dtype != "float32":
        raise ModelError(f"{path} takes {file.input.dtype}, not float32, uint8 or int8")
    scaling = options.require_scaling()
    subtract, divide = scaling.subtract, scaling.divide
    if colours == "BGR":
        # A pack states them in the order of the network's channels.
        subtract, divide = subtract[::-1], divide[::-1]
    return TensorSpec("float32", "NHWC", colours, subtract, divide), scaling


def _open(tensorflow: Any, path: Path, *, is_reference: bool = False) -> Any:
    """An interpreter, with the kernels that everyone has, or with those that are the reference."""
    kinds = tensorflow.lite.experimental.OpResolverType
    kernels = kinds.BUILTIN_REF if is_reference else kinds.AUTO
    try:
        with quiet_libraries(), silent_stderr():
            interpreter = tensorflow.lite.Interpreter(
                str(path), num_threads=1, experimental_op_resolver_type=kernels
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as err:
        raise ModelError(f"{path} cannot be loaded: {err}".replace("\n", " ")) from err
    return interpreter


def _try(tensorflow: Any, path: Path) -> None:
    interpreter = _open(tensorflow, path)
    interpreter.invoke()
    _open(tensorflow, path, is_reference=True).invoke()


def _prepare(
    images: Images, *, file: TfliteFile, scaling: Scaling | None, is_bgr: bool
) -> npt.NDArray[Any]:
    """What the network takes of (N, S, S, 3) uint8 RGB, by the options alone."""
    prepared: npt.NDArray[Any] = images
    if scaling is not None:
        subtract, divide = (
            np.array(each, np.float32) for each in (scaling.subtract, scaling.divide)
        )
        prepared = (images.astype(np.float32) - subtract) / divide
    elif file.input.dtype == "int8":
        prepared = (images.astype(np.int16) - 128).astype(np.int8)
    return prepared[..., ::-1] if is_bgr else prepared


def _run(
    interpreter: Any,
    file: TfliteFile,
    prepare: Callable[[Images], npt.NDArray[Any]],
    images: Images,
) -> npt.NDArray[np.float32]:
    """(N, C) scores of (N, S, S, 3) uint8 RGB, one picture after another."""
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for tensor in prepare(images):
        interpreter.set_tensor(taken["index"], tensor[np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(given["index"]).reshape(1, -1))
    scores = np.concatenate(answers).astype(np.float32)
    if file.output.dtype != "float32":
        scores = (scores - np.float32(file.output.zero)) * np.float32(file.output.scale)
    return scores
