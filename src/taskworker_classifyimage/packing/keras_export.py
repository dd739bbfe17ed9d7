"""A network of Keras as ONNX, by tf2onnx, and what that does not know of Keras."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.graph import portable
from taskworker_classifyimage.packing.libraries import library

#: The highest operator set that tf2onnx 1.17 knows well.
_OPSET: Final = 17


def keras_to_onnx(tensorflow: Any, model: Any, size: int, prepare: Callable[[Any], Any]) -> bytes:
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
    converter = library("tf2onnx.convert", "tensorflow")
    spec = tensorflow.TensorSpec((None, size, size, 3), tensorflow.uint8)

    def answer(image: Any) -> Any:
        return model(prepare(tensorflow.cast(image, tensorflow.float32)), training=False)

    function = tensorflow.function(answer, input_signature=[spec], autograph=False)
    try:
        with _in_one_graph(tensorflow):
            exported, _ = converter.from_function(
                function,
                input_signature=[spec],
                opset=_OPSET,
                custom_op_handlers={"Erfc": (_spell_out_erfc, [])},
            )
            _fill_in(exported.graph, function.get_concrete_function().graph.captures)
    except Exception as err:
        raise ModelError(f"tf2onnx cannot write the network as ONNX: {one_line(err)}") from err
    return portable(exported)


@contextmanager
def _in_one_graph(tensorflow: Any) -> Iterator[None]:
    """Functions that layers compile for themselves are traced with the rest, not called.

    Keras has one around each grouped convolution, as in ConvNeXt, and tf2onnx knows none.
    """
    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(before)


def _fill_in(graph: Any, captures: list[tuple[Any, Any]]) -> None:
    """Tensors that a layer holds outside its weights become constants, and not inputs.

    Normalization, with which EfficientNets begin, has two.
    """
    from onnx import numpy_helper  # noqa: PLC0415 - comes with the extra

    held = {inside.name: outside for outside, inside in captures}
    for tensor in [each for each in graph.input if each.name in held]:
        values = held[tensor.name].numpy()
        graph.initializer.append(numpy_helper.from_array(values, tensor.name))
        graph.input.remove(tensor)


def _spell_out_erfc(graph: Any, node: Any, name: str, _arguments: Any) -> None:
    """Erfc, of which TensorFlow 2.21 makes GELU, is none of ONNX' operators: it is 1 - Erf."""
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
