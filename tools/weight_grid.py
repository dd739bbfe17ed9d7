"""8-bit weights that overflow on no processor, and biases that undo their mean error.

x86 processors without VNNI multiply unsigned 8-bit activations by signed 8-bit weights two at a
time and add both products in 16 bits: 255 * (127 + 127) saturates at 32767, and wrong classes
follow. Weights whose neighbours add up to 128 at most never reach that limit, so one file gives
the same bits on every processor, by the fastest kernel, with no session option set.

Rounding shifts the mean of every output channel by (rounded - exact weights) * mean input. The
bias without that shift costs nothing at run time and more than pays for the coarser weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

DoubleArray = npt.NDArray[np.float64]

#: The largest weight, the same on both sides of zero.
WEIGHT_LIMIT = 127
#: 255 * 128 = 32640 is the last product below the 16-bit limit.
PAIR_LIMIT = 128
#: How much a channel's scale grows when rounding broke the pair limit.
SCALE_STEP = 1.002
#: Keeps 32-bit biases, and sums that start at them, far from overflow.
BIAS_LIMIT = 2.0**30


def largest_pair(weights: DoubleArray, *, depthwise: bool) -> DoubleArray:
    """Largest sum, in absolute value, of two weights that a kernel may multiply together.

    Args:
        weights: (out, in, taps) float64.
        depthwise: whether each channel has its own filter; those kernels add in 32 bits.

    Returns:
        (out,) float64.
    """
    out, channels, taps = weights.shape
    if depthwise:
        return np.zeros(out)
    if taps > 1:  # the order of the taps is the kernel's choice: assume the worst
        return np.asarray(2 * np.abs(weights).max(axis=(1, 2)))
    flat = np.pad(weights[:, :, 0], ((0, 0), (0, channels % 2)))
    return np.asarray(np.abs(flat.reshape(out, -1, 2).sum(axis=2)).max(axis=1))


def fit_grid(
    weights: DoubleArray, least_scale: DoubleArray, *, depthwise: bool
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Rounds weights to 8 bits on the finest scale that keeps every pair within PAIR_LIMIT.

    Args:
        weights: (out, in, taps) float64.
        least_scale: (out,) float64, the scale that the bias needs.
        depthwise: see largest_pair().

    Returns:
        (out, in, taps) int8 in [-127, 127], and (out,) float32 scales.
    """
    scale = np.maximum(np.abs(weights).max(axis=(1, 2)) / WEIGHT_LIMIT, least_scale)
    scale = np.maximum(scale, largest_pair(weights, depthwise=depthwise) / PAIR_LIMIT)
    scale = np.maximum(scale, np.finfo(np.float32).tiny)
    while True:
        rounded = np.rint(weights / scale[:, None, None].astype(np.float32))
        rounded = rounded.clip(-WEIGHT_LIMIT, WEIGHT_LIMIT)
        broken = largest_pair(rounded, depthwise=depthwise) > PAIR_LIMIT
        if not broken.any():
            return rounded.astype(np.int8), scale.astype(np.float32)
        scale = np.where(broken, scale * SCALE_STEP, scale)


def refit_weights(
    quantised: onnx.ModelProto, model: onnx.ModelProto, means: Mapping[str, DoubleArray]
) -> onnx.ModelProto:
    """Gives every convolution and the classifier of a quantised model safe weights and new biases.

    Args:
        quantised: the 8-bit model in QDQ format; it is changed and returned.
        model: the float model that it was made from, with the same node names.
        means: name of a tensor of the float model -> (C,) mean of each of its channels.
    """
    exact = {tensor.name: tensor for tensor in model.graph.initializer}
    stored = {tensor.name: tensor for tensor in quantised.graph.initializer}
    makers = {output: node for node in quantised.graph.node for output in node.output}
    twins = {node.name: node for node in quantised.graph.node}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        weights, bias = (
            numpy_helper.to_array(exact[name]).astype(np.float64) for name in node.input[1:3]
        )
        source, weight, offset = (makers[name] for name in twins[node.name].input[:3])
        input_scale = numpy_helper.to_array(stored[source.input[1]])
        rounded, scale, new_bias = _refit_layer(node, weights, bias, means, input_scale)
        _store(stored, weight, rounded.reshape(weights.shape), scale)
        _store(stored, offset, new_bias, input_scale * scale)
    return quantised


def _refit_layer(
    node: onnx.NodeProto,
    weights: DoubleArray,
    bias: DoubleArray,
    means: Mapping[str, DoubleArray],
    input_scale: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Quantises one layer.

    Returns:
        (out, in, taps) int8 weights, their (out,) float32 scales, (out,) int32 bias.
    """
    groups = {a.name: helper.get_attribute_value(a) for a in node.attribute}.get("group", 1)
    taps = weights.reshape(*weights.shape[:2], -1)
    least_scale = np.abs(bias) / (float(input_scale) * BIAS_LIMIT)
    rounded, scale = fit_grid(taps, least_scale, depthwise=groups > 1)
    error = (rounded * scale.astype(np.float64)[:, None, None] - taps).sum(axis=2)
    mean = means[node.input[0]]
    shift = error[:, 0] * mean if groups > 1 else error @ mean
    steps = np.rint((bias - shift) / (input_scale * scale).astype(np.float64))
    return rounded, scale, steps.astype(np.int32)


def _store(
    stored: Mapping[str, onnx.TensorProto],
    dequantise: onnx.NodeProto,
    values: npt.NDArray[np.generic],
    scale: npt.NDArray[np.float32],
) -> None:
    """Replaces the values and the scales that a DequantizeLinear node reads, shapes unchanged."""
    for name, array in zip(dequantise.input[:2], (values, scale), strict=True):
        assert numpy_helper.to_array(stored[name]).shape == array.shape, name
        stored[name].CopyFrom(numpy_helper.from_array(array, name))
