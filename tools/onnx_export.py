"""EfficientNet-Lite in PyTorch -> float ONNX graph -> 8-bit ONNX graph.

    network --float_model()--> float ONNX --quantise()--> 8-bit ONNX
                               scaled pixels              uint8 NHWC

The graph is written node by node, not traced, so that the same weights always give the same bytes.
"""

# ruff: noqa: SLF001 - the network keeps its layers in private attributes
from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from weight_grid import refit_weights

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]

#: The lowest opset whose DequantizeLinear takes one scale a channel.
OPSET = 13
#: Read by every ONNX Runtime since 1.10.
IR_VERSION = 8
#: The network was trained on (v - 127) / 128, which is a uint8 tensor's scale and zero point.
PIXEL_ZERO_POINT = 127
PIXEL_SCALE = 1.0 / 128.0
CLASS_COUNT = 1000
PIXELS = "pixels"
IMAGE = "image"
LOGITS = "logits"


def scale_pixels(images: ByteArray) -> FloatArray:
    """Scales pictures as the network was trained.

    Args:
        images: (N, S, S, 3) uint8 RGB.

    Returns:
        (N, 3, S, S) float32 RGB in [-0.9922, 1.0].
    """
    scaled = (images.astype(np.float32) - PIXEL_ZERO_POINT) * np.float32(PIXEL_SCALE)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def fold_batch_norm(
    conv: torch.nn.Conv2d, norm: torch.nn.BatchNorm2d
) -> tuple[FloatArray, FloatArray]:
    """Folds a batch norm into the convolution before it, in float64.

    Returns:
        Weights (out, in / groups, k, k) float32 and bias (out,) float32.
    """
    assert conv.bias is None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    weight = conv.weight.detach().double() * gain[:, None, None, None]
    bias = norm.bias.detach().double() - norm.running_mean.double() * gain
    return weight.numpy().astype(np.float32), bias.numpy().astype(np.float32)


class _GraphWriter:
    """Collects nodes and initializers in the order in which the picture passes them."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        """Stores a tensor and returns its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Appends a node with one output, named after it, and returns the output's name."""
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=output, **attributes))
        return output

    def conv(
        self, source: str, name: str, conv: torch.nn.Conv2d, norm: torch.nn.BatchNorm2d
    ) -> str:
        """Appends a convolution with its batch norm folded in: (N, C, H, W) -> (N, D, H', W')."""
        weight, bias = fold_batch_norm(conv, norm)
        left, right, top, bottom = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
        inputs = [
            source,
            self.constant(f"{name}.weight", weight),
            self.constant(f"{name}.bias", bias),
        ]
        return self.node(
            "Conv",
            inputs,
            name,
            kernel_shape=list(conv.kernel_size),
            strides=list(conv.stride),
            group=conv.groups,
            pads=[top, left, bottom, right],
        )

    def relu6(self, source: str) -> str:
        """Appends a clip to [0, 6]."""
        return self.node("Clip", [source, "zero", "six"], f"{source}.relu6")

    def block(self, source: str, name: str, block: Any) -> str:
        """Appends an inverted bottleneck: expand, filter by channel, project, add the input."""
        current = source
        if hasattr(block, "_expand_conv"):
            current = self.relu6(
                self.conv(current, f"{name}.expand", block._expand_conv, block._bn0)
            )
        current = self.conv(current, f"{name}.depthwise", block._depthwise_conv, block._bn1)
        current = self.conv(self.relu6(current), f"{name}.project", block._project_conv, block._bn2)
        args = block._block_args
        stride = args.stride if isinstance(args.stride, int) else args.stride[0]
        if args.id_skip and stride == 1 and args.input_filters == args.output_filters:
            current = self.node("Add", [current, source], f"{name}.add")
        return current


def float_model(network: Any, size: int) -> onnx.ModelProto:
    """The network as ONNX: `pixels` (N, 3, size, size) float32 -> `logits` (N, 1000).

    Args:
        network: an EfficientNet-Lite of the package efficientnet-lite-pytorch.
        size: height and width of the input.
    """
    graph = _GraphWriter()
    graph.constant("zero", np.array(0.0, np.float32))
    graph.constant("six", np.array(6.0, np.float32))
    current = graph.relu6(graph.conv(PIXELS, "stem", network._conv_stem, network._bn0))
    for index, block in enumerate(network._blocks):
        current = graph.block(current, f"block{index}", block)
    current = graph.relu6(graph.conv(current, "head", network._conv_head, network._bn1))
    pooled = graph.node("GlobalAveragePool", [current], "pool")
    features = graph.node("Flatten", [pooled], "features", axis=1)
    weight = graph.constant("classifier.weight", network._fc.weight.detach().numpy())
    bias = graph.constant("classifier.bias", network._fc.bias.detach().numpy())
    graph.node("Gemm", [features, weight, bias], LOGITS, transB=1)
    return _finish(
        graph.nodes,
        graph.initializers,
        helper.make_tensor_value_info(PIXELS, TensorProto.FLOAT, ["N", 3, size, size]),
    )


def _finish(
    nodes: Sequence[onnx.NodeProto],
    initializers: Sequence[onnx.TensorProto],
    source: onnx.ValueInfoProto,
) -> onnx.ModelProto:
    """Makes a checked model of nodes that end in `logits`."""
    logits = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["N", CLASS_COUNT])
    graph = helper.make_graph(nodes, "EfficientNetLite", [source], [logits], initializers)
    model = helper.make_model(
        graph,
        producer_name="taskworker_classifyimage",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    # Tells quantize_static() that there is nothing left to fold.
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    onnx.checker.check_model(model, full_check=True)
    return model


class _Pictures(CalibrationDataReader):  # type: ignore[misc]  # the package is untyped
    """Hands the calibration pictures over one by one, as ONNX Runtime's calibrator wants them."""

    def __init__(self, images: ByteArray) -> None:
        self._images: Iterator[ByteArray] = iter(images)

    def get_next(self) -> dict[str, FloatArray] | None:
        """The next picture as (1, 3, S, S) float32, None after the last."""
        image = next(self._images, None)
        return None if image is None else {PIXELS: scale_pixels(image[np.newaxis])}


def quantise(model: onnx.ModelProto, images: ByteArray) -> onnx.ModelProto:
    """Quantises a float model to 8 bits: `image` (N, S, S, 3) uint8 RGB -> `logits` float32.

    Activations get one scale a tensor from their smallest and largest value on the pictures;
    weights get one scale an output channel.

    Args:
        model: what float_model() returns.
        images: (M, S, S, 3) uint8 RGB, the calibration pictures.
    """
    pixel_range = {
        "scale": np.array(PIXEL_SCALE, np.float32),
        "zero_point": np.array(PIXEL_ZERO_POINT, np.uint8),
        "quant_type": QuantType.QUInt8,
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "model.onnx"
        onnx.save(model, source)  # quantize_static() would change a model given as an object
        quantize_static(
            source,
            target,
            _Pictures(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                # The stem reads the picture's bytes as they are.
                "TensorQuantOverrides": {PIXELS: [pixel_range]},
                # Probabilities keep their resolution.
                "OpTypesToExcludeOutputQuantization": ["Gemm"],
            },
        )
        return refit_weights(_read_bytes(onnx.load(target)), model, channel_means(model, images))


def channel_means(model: onnx.ModelProto, images: ByteArray) -> dict[str, npt.NDArray[np.float64]]:
    """Averages the input of every convolution and of the classifier over pictures and places.

    Args:
        model: what float_model() returns.
        images: (M, S, S, 3) uint8 RGB.

    Returns:
        Tensor name -> (C,) float64.
    """
    names = sorted({n.input[0] for n in model.graph.node if n.op_type in ("Conv", "Gemm")})
    names.remove(PIXELS)
    watched = onnx.ModelProto.FromString(model.SerializeToString())
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(watched.SerializeToString())
    sums: dict[str, npt.NDArray[np.float64]] = {}
    for image in images:
        pixels = scale_pixels(image[np.newaxis])
        tensors = zip(
            [PIXELS, *names], [pixels, *session.run(names, {PIXELS: pixels})], strict=True
        )
        for name, values in tensors:
            means = values.reshape(values.shape[1], -1).mean(axis=1, dtype=np.float64)
            sums[name] = sums.get(name, np.zeros_like(means)) + means
    return {name: total / len(images) for name, total in sums.items()}


def _read_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Makes the model read uint8 pictures where it first quantises its scaled pixels."""
    nodes = list(model.graph.node)
    first = next(node for node in nodes if PIXELS in node.input)
    assert first.op_type == "QuantizeLinear", first.op_type
    turn = helper.make_node("Transpose", [IMAGE], first.output, name="to_nchw", perm=[0, 3, 1, 2])
    size = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    image = helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["N", size, size, 3])
    return _finish(
        [turn if node is first else node for node in nodes], model.graph.initializer, image
    )
