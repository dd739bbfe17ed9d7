"""Changes an ONNX network so that a pack can hold it; each is exact, and compared afterwards."""

from typing import Any, Final

import numpy as np

from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.graph import drop_unused
from taskworker_classifyimage.packing.libraries import import_library

#: The extra that has the library.
EXTRA: Final = "onnx"


class OnnxNetwork:
    """A network that is changed in place.

    Attributes:
        model: an `onnx.ModelProto`.
    """

    def __init__(self, content: bytes) -> None:
        """Reads a file.

        Raises:
            ConfigError: the library is not installed.
            ModelError: it is no ONNX file.
        """
        self._onnx = import_library("onnx", EXTRA)
        try:
            self.model: Any = self._onnx.load_model_from_string(content)
        except Exception as err:
            raise ModelError(f"it is no ONNX file: {one_line(err)}") from err

    def to_bytes(self) -> bytes:
        """The whole file."""
        content: bytes = self.model.SerializeToString()
        return content

    def free_batch(self) -> None:
        """Lets a network that was exported for one picture take any number of them.

        The first dimension of the input and the outputs gets a name, and a reshape to "1, ..."
        keeps the first dimension that it finds.
        """
        graph = self.model.graph
        for each in (*self._inputs(), *graph.output):
            if each.type.tensor_type.shape.dim:
                each.type.tensor_type.shape.dim[0].dim_param = "batch"
        # What was inferred for one picture.
        del graph.value_info[:]
        # A constant that is reshaped has no pictures in its first dimension.
        of_pictures = {each.name for each in self._inputs()}
        for node in graph.node:
            if not of_pictures.isdisjoint(node.input):
                of_pictures.update(node.output)
            if node.op_type == "Reshape" and node.input[0] in of_pictures:
                self._keep_first(node)

    def cast_input(self) -> None:
        """Lets a network of float16 take float32."""
        kinds = self._onnx.TensorProto
        (taken,) = self._inputs()
        wanted = f"{taken.name}_half"
        for node in self.model.graph.node:
            node.input[:] = [wanted if name == taken.name else name for name in node.input]
        taken.type.tensor_type.elem_type = kinds.FLOAT
        cast = self._onnx.helper.make_node("Cast", [taken.name], [wanted], to=kinds.FLOAT16)
        self.model.graph.node.insert(0, cast)

    def cut_map(self) -> bool:
        """Makes the scores the only output of a network that gives a label and a map of scores.

        Returns:
            Whether it was such a network.
        """
        graph = self.model.graph
        maps = [node for node in graph.node if node.op_type == "ZipMap"]
        if len(maps) != 1:
            return False
        kinds = self._onnx.TensorProto
        scores = self._onnx.helper.make_tensor_value_info(
            maps[0].input[0], kinds.FLOAT, ["batch", None]
        )
        del graph.output[:]
        graph.output.append(scores)
        drop_unused(self.model)
        return True

    def add_other_class(self) -> None:
        """Puts what is missing to 1 before the one probability that a network gives."""
        graph, helper = self.model.graph, self._onnx.helper
        given = graph.output[0].name
        one = self._onnx.numpy_helper.from_array(np.array(1, np.float32), f"{given}_one")
        graph.initializer.append(one)
        graph.node.append(helper.make_node("Sub", [one.name, given], [f"{given}_other"]))
        both = f"{given}_both"
        graph.node.append(helper.make_node("Concat", [f"{given}_other", given], [both], axis=1))
        del graph.output[:]
        kind = self._onnx.TensorProto.FLOAT
        graph.output.append(helper.make_tensor_value_info(both, kind, ["batch", 2]))

    def _inputs(self) -> list[Any]:
        """The inputs that are no constants: old files name these too."""
        graph = self.model.graph
        constants = {each.name for each in graph.initializer}
        return [each for each in graph.input if each.name not in constants]

    def _keep_first(self, reshape: Any) -> None:
        graph, numpy_helper = self.model.graph, self._onnx.numpy_helper
        if any(each.name == "allowzero" and each.i for each in reshape.attribute):
            return
        target = self._find_constant(reshape.input[1])
        if target is None:
            return
        shape = numpy_helper.to_array(target).copy()
        if shape.ndim != 1 or len(shape) < 2 or shape[0] != 1:
            return
        # 0 keeps the dimension; others may read the same constant.
        shape[0] = 0
        kept = f"{reshape.input[1]}_kept"
        if kept not in {each.name for each in graph.initializer}:
            graph.initializer.append(numpy_helper.from_array(shape, kept))
        reshape.input[1] = kept

    def _find_constant(self, name: str) -> Any:
        for each in self.model.graph.initializer:
            if each.name == name:
                return each
        for node in self.model.graph.node:
            if node.op_type == "Constant" and name in node.output:
                return next((each.t for each in node.attribute if each.name == "value"), None)
        return None
