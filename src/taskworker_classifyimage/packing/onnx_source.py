"""A network that is an ONNX file already: it goes into the pack as it is."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from taskworker_classifyimage.classify.model_pack import MODEL_LIMIT_BYTES, TensorSpec, read_member
from taskworker_classifyimage.classify.onnx_runtime import import_onnxruntime, session_options
from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.network import (
    DEFAULT_CROP,
    DEFAULT_RESIZE,
    NO_LICENCE,
    Images,
    Network,
    Scores,
    Wishes,
    file_name,
    known_scaling,
    settled_size,
)


def open_onnx(path: Path, wishes: Wishes) -> Network:
    """The network in an ONNX file; its own answers are those of ONNX Runtime, unoptimised.

    Raises:
        ConfigError: how it wants its pictures is not told.
        ModelError: it is no ONNX file that a pack can hold.
    """
    content = read_member(path.parent, path.name, MODEL_LIMIT_BYTES)
    runtime, options = import_onnxruntime(), session_options()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as err:
        raise ModelError(f"{path} cannot be loaded: {one_line(err)}") from err
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(session.get_outputs()) != 1:
        raise ModelError(f"{path} has not one input and one output, but more")
    layout, size = _layout(path, inputs[0].shape)
    tensor = _tensor(path, inputs[0].type, layout, wishes)

    def scores(images: Images) -> Scores:
        (answer,) = session.run(None, {inputs[0].name: tensor.convert(images)})
        return np.asarray(answer)

    return Network(
        name=file_name(path),
        licence=NO_LICENCE,
        source=f"{path.name}, a local file",
        published_top1=None,
        input=wishes.input(settled_size(size, wishes), DEFAULT_CROP, DEFAULT_RESIZE),
        tensor=tensor,
        onnx=content,
        scores=scores,
    )


def _layout(path: Path, shape: list[Any]) -> tuple[Literal["NHWC", "NCHW"], int | None]:
    """Where the channels are, and how many pixels a side has if that is fixed."""
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


def _tensor(path: Path, kind: str, layout: Literal["NHWC", "NCHW"], wishes: Wishes) -> TensorSpec:
    colours = wishes.colours or "RGB"
    if kind == "tensor(uint8)":
        wishes.refuse("the network takes the bytes of a picture as they are", "scaling")
        return TensorSpec("uint8", layout, colours)
    if kind != "tensor(float)":
        raise ModelError(f"{path} takes {kind}, not uint8 or float")
    scaling = known_scaling(wishes)
    return TensorSpec("float32", layout, colours, scaling.subtract, scaling.divide)
