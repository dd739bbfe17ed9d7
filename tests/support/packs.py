"""Model packs made for tests: a network that tells red, green and blue pictures apart."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from taskworker_classifyimage.classify.catalogue import find_pack

SIZE = 16
IDS = ["red", "green", "blue"]
NAMES = {"en": ["red thing", "green thing", "blue thing"], "de": ["Rotes", "Grünes", "Blaues"]}


def colour_network(
    *, dtype: str = "uint8", layout: str = "NHWC", colours: str = "RGB", outputs: int = 3
) -> onnx.ModelProto:
    """A network whose logits are the means of the three channels, red first."""
    sides: list[str | int | None] = [SIZE, SIZE, 3] if layout == "NHWC" else [3, SIZE, SIZE]
    kind = TensorProto.UINT8 if dtype == "uint8" else TensorProto.FLOAT
    weights = np.eye(3, outputs, dtype=np.float32) / (20 if dtype == "uint8" else 1)
    if colours == "BGR":
        weights = weights[::-1].copy()
    axes = [1, 2] if layout == "NHWC" else [2, 3]
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", kind, ["N", *sides])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def labelling_network(outputs: int = 3) -> onnx.ModelProto:
    """A network whose classes do not exclude each other: which channels are bright, red first.

    A channel that is 200 all over gives its class a probability of 0.97, one that is 0 gives 0.002.
    """
    network = colour_network(outputs=outputs)
    graph = network.graph
    graph.initializer.append(numpy_helper.from_array(np.array(6.4, np.float32), "middle"))
    graph.node.append(helper.make_node("Sub", ["logits", "middle"], ["above"]))
    graph.node.append(helper.make_node("Sigmoid", ["above"], ["labels"]))
    graph.output[0].name = "labels"
    return network


def network_without_answer() -> onnx.ModelProto:
    """The colour network, which divides by zero where a channel is 255 all over."""
    network = colour_network()
    graph = network.graph
    graph.initializer.append(numpy_helper.from_array(np.array(255, np.float32), "most"))
    graph.node[-1].output[0] = "before"
    graph.node.append(helper.make_node("Sub", ["most", "means"], ["rest"]))
    graph.node.append(helper.make_node("Div", ["before", "rest"], ["logits"]))
    return network


def network_that_fails() -> onnx.ModelProto:
    """The colour network, which fails where a channel is 255 all over: an index out of range."""
    network = colour_network()
    graph = network.graph
    graph.initializer.append(numpy_helper.from_array(np.zeros(255, np.float32), "table"))
    graph.node[-1].output[0] = "before"
    graph.node.append(helper.make_node("ReduceMax", ["means"], ["most"], keepdims=0))
    graph.node.append(helper.make_node("Cast", ["most"], ["index"], to=TensorProto.INT64))
    graph.node.append(helper.make_node("Gather", ["table", "index"], ["nothing"]))
    graph.node.append(helper.make_node("Add", ["before", "nothing"], ["logits"]))
    return network


def write_pack(folder: Path, network: onnx.ModelProto | bytes, **changes: Any) -> Path:
    """Writes a pack that fits `colour_network`; `changes` are keys such as input__dtype."""
    folder.mkdir(parents=True, exist_ok=True)
    content = network if isinstance(network, bytes) else network.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    table: dict[str, Any] = {
        "name": "Colours",
        "version": "1",
        "licence": "MIT",
        "source": "made by a test",
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": {
            "size": SIZE,
            "dtype": "uint8",
            "layout": "NHWC",
            "colours": "RGB",
            "scaling": "none",
            "crop": 0.875,
            "resize": "bicubic",
        },
        "output": {"kind": "logits", "classes": IDS, "names": dict(NAMES)},
    }
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = table
        for section in sections:
            place = place[section]
        place[last] = value
    (folder / "model.toml").write_text(_toml(table), encoding="utf-8")
    return folder


def copy_pack(name: str, folder: Path) -> Path:
    """Copies a built-in pack into a folder of its name there, to be damaged."""
    return Path(shutil.copytree(find_pack(name).path, folder / name))


def _toml(table: dict[str, Any], section: str = "") -> str:
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
        if not isinstance(value, dict)
    ]
    text = "\n".join([f"[{section}]" if section else "", *lines, ""])
    for key, value in table.items():
        if isinstance(value, dict):
            text += _toml(value, f"{section}.{key}" if section else key)
    return text


def fixed_network(
    *, batch: int | str = 1, dtype: int = TensorProto.FLOAT, last: str = "Softmax"
) -> onnx.ModelProto:
    """A network as exporters leave it: for one picture, with that number in a reshape.

    Its scores are the means of the three channels, times four; it reads (batch, 3, S, S).
    """
    kind = helper.tensor_dtype_to_np_dtype(dtype)
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Reshape", ["means", "flat"], ["features"]),
        # Of a constant: its first dimension is no picture's.
        helper.make_node("Reshape", ["gain", "row"], ["gains"]),
        helper.make_node("Mul", ["features", "gains"], ["logits"]),
        helper.make_node(last, ["logits"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fixed",
        [helper.make_tensor_value_info("images", dtype, [batch, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("output0", dtype, [batch, 3])],
        [
            numpy_helper.from_array(np.array([1 if batch == 1 else 0, -1]), "flat"),
            numpy_helper.from_array(np.array([1, 3]), "row"),
            numpy_helper.from_array(np.full(3, 4, kind), "gain"),
        ],
        value_info=[helper.make_tensor_value_info("means", dtype, [batch, 3, 1, 1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def with_metadata(network: onnx.ModelProto, **metadata: str) -> bytes:
    """The network's file with these metadata."""
    helper.set_model_props(network, metadata)
    content: bytes = network.SerializeToString()
    return content
