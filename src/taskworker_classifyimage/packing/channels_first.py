"""Turns pictures before they are scaled, not after."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

_TURN: Final = (0, 3, 1, 2)
_ARITHMETIC: Final = ("Add", "Sub", "Mul", "Div")


def scale_channels_first(graph: Any) -> None:
    """Moves the transpose to (N, C, H, W) in front of the scaling by channel before it.

    What is by channel goes over (N, H, W, 3) in steps of three numbers: 0.8 ms for 224 x 224
    pixels, of the 8 ms that MobileNetV3Large takes in all; over (N, 3, H, W) it takes 0.05 ms.

    Args:
        graph: an `onnx.GraphProto`; constants that it does not need any more stay in it.
    """
    constants = {each.name: each for each in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    for turn in [node for node in graph.node if _is_turn(node)]:
        steps: list[Any] = []
        step = makers.get(turn.input[0])
        while step is not None and readers[step.output[0]] == 1 and _is_scaling(step, constants):
            steps.insert(0, step)
            step = makers.get(_operand(step, constants))
        if steps:
            _move(graph, turn, steps, constants)


def _is_turn(node: Any) -> bool:
    return node.op_type == "Transpose" and tuple(node.attribute[0].ints) == _TURN


def _is_scaling(node: Any, constants: Mapping[str, Any]) -> bool:
    """Whether it treats each value by itself, or by its channel alone."""
    if node.op_type == "Cast":
        return True
    known = [constants[name].dims for name in node.input if name in constants]
    return (
        node.op_type in _ARITHMETIC
        and len(known) == 1
        and all(side == 1 for side in known[0][:-1])
        and list(known[0][-1:]) in ([], [1], [3])
    )


def _operand(node: Any, constants: Mapping[str, Any]) -> str:
    return next(str(name) for name in node.input if name not in constants)


def _move(graph: Any, turn: Any, steps: list[Any], constants: Mapping[str, Any]) -> None:
    from onnx import numpy_helper  # noqa: PLC0415 - comes with the extras that export

    source, turned = _operand(steps[0], constants), f"{turn.output[0]}_turned"
    for step in steps:
        for place, name in enumerate(step.input):
            if name == source:
                step.input[place] = turned
            elif name in constants and 3 in constants[name].dims:
                values = numpy_helper.to_array(constants[name]).reshape(3, 1, 1)
                step.input[place] = f"{name}_by_channel"
                if step.input[place] not in {each.name for each in graph.initializer}:
                    graph.initializer.append(numpy_helper.from_array(values, step.input[place]))
    steps[-1].output[0] = turn.output[0]
    turn.input[0], turn.output[0] = source, turned
    moved = type(turn)()
    moved.CopyFrom(turn)
    graph.node.remove(turn)
    graph.node.insert(list(graph.node).index(steps[0]), moved)
