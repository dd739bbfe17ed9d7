"""A network in an ONNX file, which goes into the pack unchanged."""

from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Images
from taskworker_classifyimage.classify.model_pack import MODEL_LIMIT_BYTES, TensorSpec, read_member
from taskworker_classifyimage.classify.onnx_runtime import import_onnxruntime, session_options
from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.network import Network, PackOptions, Scores, name_after
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles

#: Names of operators on whole numbers of 8 bits, and of those that convert to and from them.
_OF_INTEGERS: Final = (b"QLinear", b"MatMulInteger", b"ConvInteger")
_OF_8_BITS: Final = (*_OF_INTEGERS, b"QuantizeLinear")


def recognise_onnx(files: SourceFiles) -> Source | None:
    """An ONNX file, which says nothing about itself but the shape of its input."""
    path = files.find("*.onnx")
    if path is None:
        return None
    return Source("ONNX file", PackOptions(), partial(open_onnx, path))


def open_onnx(path: Path, options: PackOptions) -> Network:
    """Opens an ONNX file; its own answers are those of ONNX Runtime without optimisations.

    Raises:
        ConfigError: the options do not say how it wants its pictures.
        ModelError: it is no ONNX file that a pack can hold.
    """
    content = read_member(path.parent, path.name, MODEL_LIMIT_BYTES)
    session = _open_session(path, content)
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(session.get_outputs()) != 1:
        raise ModelError(f"{path} has not one input and one output, but more")
    layout, size = _read_layout(path, inputs[0].shape)
    tensor = _describe_tensor(path, inputs[0].type, layout, options)

    def scores(images: Images) -> Scores:
        tensors = _prepare(images, layout, options)
        (answer,) = session.run(None, {inputs[0].name: tensors})
        return np.asarray(answer)

    return Network(
        name=name_after(path),
        source=f"{path.name}, a local file",
        input=options.input_spec(options.choose_size(size)),
        onnx=content,
        scores=scores,
        tensor=tensor,
        has_8_bits=any(name in content for name in _OF_8_BITS),
    )


def _open_session(path: Path, content: bytes) -> Any:
    runtime, settings = import_onnxruntime(), session_options()
    levels = runtime.GraphOptimizationLevel
    settings.graph_optimization_level = levels.ORT_DISABLE_ALL
    if any(name in content for name in _OF_INTEGERS):
        # Sums of 8-bit products overflow on x86 CPUs without VNNI, unless an optimisation of this
        # level makes signed weights unsigned.
        settings.graph_optimization_level = levels.ORT_ENABLE_EXTENDED
        settings.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return runtime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
    except Exception as err:
        raise ModelError(f"{path} cannot be loaded: {one_line(err)}") from err


def _read_layout(path: Path, shape: list[Any]) -> tuple[Literal["NHWC", "NCHW"], int | None]:
    """Where the channels are, and how many pixels each side has if that is fixed."""
    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise ModelError(f"{path} takes {shape}, not pictures of three channels")
    if isinstance(shape[0], int):
        raise ModelError(
            f"{path} takes {shape[0]} pictures at a time; export it with a free first dimension"
        )
    layout: Literal["NHWC", "NCHW"] = "NCHW" if shape[1] == 3 else "NHWC"
    height, width = shape[2:] if layout == "NCHW" else shape[1:3]
    if isinstance(height, int) and height != width:
        raise ModelError(f"{path} takes pictures that are not square: {shape}")
    return layout, height if isinstance(height, int) else None


def _describe_tensor(
    path: Path, kind: str, layout: Literal["NHWC", "NCHW"], options: PackOptions
) -> TensorSpec:
    colours = options.colours or "RGB"
    if kind == "tensor(uint8)":
        options.refuse("the network takes the bytes of a picture as they are", "scaling")
        return TensorSpec("uint8", layout, colours)
    if kind != "tensor(float)":
        raise ModelError(f"{path} takes {kind}, not uint8 or float")
    scaling = options.require_scaling()
    subtract, divide = scaling.subtract, scaling.divide
    if colours == "BGR":
        # A pack states them in the order of the network's channels.
        subtract, divide = subtract[::-1], divide[::-1]
    return TensorSpec("float32", layout, colours, subtract, divide)


def _prepare(
    images: Images, layout: Literal["NHWC", "NCHW"], options: PackOptions
) -> npt.NDArray[Any]:
    """What the network takes of (N, S, S, 3) uint8 RGB, by the options alone.

    Not by the pack's description, or a mistake there would be on both sides of the comparison.
    """
    prepared: npt.NDArray[Any] = images
    if options.scaling is not None:
        subtract = np.array(options.scaling.subtract, np.float32)
        divide = np.array(options.scaling.divide, np.float32)
        prepared = (images.astype(np.float32) - subtract) / divide
    if options.colours == "BGR":
        prepared = prepared[..., ::-1]
    return np.ascontiguousarray(prepared if layout == "NHWC" else prepared.transpose(0, 3, 1, 2))
