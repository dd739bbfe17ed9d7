"""Converts a TFLite file to ONNX with tf2onnx, and puts right what that does wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.graph import drop_unused, simplify
from taskworker_classifyimage.packing.libraries import import_library, quiet_libraries
from taskworker_classifyimage.packing.onnx_changes import OnnxNetwork
from taskworker_classifyimage.standard_streams import silent_stderr

#: The highest operator set that tf2onnx 1.17 knows well.
_OPSET: Final = 17
_STEPS: Final = ("QuantizeLinear", "DequantizeLinear")


def convert_tflite(path: Path) -> tuple[bytes, bool]:
    """Converts a network of TFLite.

    Returns:
        An ONNX file that takes any number of pictures, and bytes where TFLite takes int8; and
        whether it computes with numbers of 8 bits.

    Raises:
        ConfigError: tf2onnx or TensorFlow is not installed.
        ModelError: it has an operator that tf2onnx does not know.
    """
    converter = import_library("tf2onnx.convert", "tensorflow")
    try:
        with quiet_libraries(), silent_stderr(), _kept_biases():
            exported, _ = converter.from_tflite(str(path), opset=_OPSET)
    except Exception as err:
        raise ModelError(f"{path}: tf2onnx cannot write it as ONNX: {one_line(err)}") from err
    network = OnnxNetwork(exported.SerializeToString())
    network.free_batch()
    model = network.model
    has_8_bits = any(node.op_type in _STEPS for node in model.graph.node)
    if not has_8_bits:
        return simplify(model), False
    _give_floats(model)
    _take_bytes(model)
    _separate_zeros(model)
    drop_unused(model)
    return network.to_bytes(), True


@contextmanager
def _kept_biases() -> Iterator[None]:
    """Has tf2onnx keep the bias of fully connected layers whose input is not flat.

    It flattens the input and forgets the bias, without a word. Here the input is flattened before
    it looks, and it is told that nothing is left to flatten.
    """
    mapping = import_library("tf2onnx.handler", "tensorflow").tfl_op.create_tfl_to_tf_mapping()
    name = "TFL_FULLY_CONNECTED"
    original = mapping[name]

    def convert(graph: Any, node: Any, **keywords: Any) -> Any:
        if node.attr["keep_num_dims"].i == 0 and graph.get_rank(node.input[0]) != 2:
            _flatten(graph, node)
        return original[0](graph, node, **keywords)

    mapping[name] = (convert, *original[1:])
    try:
        yield
    finally:
        mapping[name] = original


def _flatten(graph: Any, node: Any) -> None:
    width = graph.get_shape(node.input[1])[1]
    shape = graph.make_const(f"{node.name}_flat", np.array([-1, width], np.int64))
    flat = graph.make_node("Reshape", [node.input[0], shape.output[0]])
    flat.skip_conversion = True
    graph.replace_inputs(node, [flat.output[0], *node.input[1:]])
    node.set_attr("keep_num_dims", 1)


def _give_floats(model: Any) -> None:
    """Ends the network before its scores are rounded to 8 bits, so that they sum to 1."""
    from onnx import TensorProto  # noqa: PLC0415 - comes with the extra

    (given,) = model.graph.output
    makers = {output: node for node in model.graph.node for output in node.output}
    while (maker := makers.get(given.name)) is not None and maker.op_type in _STEPS:
        given.name = maker.input[0]
    given.type.tensor_type.elem_type = TensorProto.FLOAT


def _take_bytes(model: Any) -> None:
    """Takes the bytes of a picture where the network wants them less 128."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - comes with the extra

    graph = model.graph
    (taken,) = graph.input
    if taken.type.tensor_type.elem_type != TensorProto.INT8:
        return
    taken.type.tensor_type.elem_type = TensorProto.UINT8
    for node in graph.node:
        node.input[:] = ["signed_bytes" if each == taken.name else each for each in node.input]
    graph.initializer.append(numpy_helper.from_array(np.array(128, np.int32), "half_of_a_byte"))
    steps = [
        helper.make_node("Cast", [taken.name], ["wide_bytes"], to=TensorProto.INT32),
        helper.make_node("Sub", ["wide_bytes", "half_of_a_byte"], ["wide_signed"]),
        helper.make_node("Cast", ["wide_signed"], ["signed_bytes"], to=TensorProto.INT8),
    ]
    for place, step in enumerate(steps):
        graph.node.insert(place, step)


def _separate_zeros(model: Any) -> None:
    """Gives each node a zero point of its own.

    ONNX Runtime makes signed numbers unsigned where sums could saturate, and refuses a network in
    which several nodes share what it changes.
    """
    constants = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in _STEPS and len(node.input) > 2 and node.input[2] in constants:
            own = type(constants[node.input[2]])()
            own.CopyFrom(constants[node.input[2]])
            own.name = f"{node.output[0]}_zero"
            model.graph.initializer.append(own)
            node.input[2] = own.name
