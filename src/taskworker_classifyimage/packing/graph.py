"""Makes an exported graph lean and portable: ONNX's own operators, and no detours."""

import tempfile
from pathlib import Path
from typing import Any

from taskworker_classifyimage.classify.onnx_runtime import import_onnxruntime
from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.channels_first import scale_channels_first
from taskworker_classifyimage.packing.hard_sigmoid import fuse_hard_sigmoids


def portable(model: Any) -> bytes:
    """The ONNX file of an `onnx.ModelProto`, with what is constant worked out.

    ONNX Runtime's basic optimisations fold constants and batch norms and take out the transposes
    between a network of (N, H, W, C) and convolutions of (N, C, H, W); they stay within ONNX and
    do not depend on the machine. MobileNetV3Large loses 126 of 128 transposes.

    Raises:
        ModelError: the network has more than 2 GiB, or ONNX Runtime lacks one of its operators.
    """
    import onnx  # noqa: PLC0415 - comes with the extras that export

    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            options.optimized_model_filepath = str(path)
            runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            lean = onnx.load(path)
    except Exception as err:
        raise ModelError(f"the network cannot be written as ONNX: {one_line(err)}") from err
    scale_channels_first(lean.graph)
    fuse_hard_sigmoids(lean.graph)
    _drop_unused(lean)
    content: bytes = lean.SerializeToString()
    return content


def _drop_unused(model: Any) -> None:
    """Takes out what no output depends on, and the operator sets that no node is of."""
    graph = model.graph
    read = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if read.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            read.update(node.input)
    for initializer in [each for each in graph.initializer if each.name not in read]:
        graph.initializer.remove(initializer)
    domains = {node.domain for node in graph.node}
    for opset in [each for each in model.opset_import if each.domain not in domains]:
        model.opset_import.remove(opset)
