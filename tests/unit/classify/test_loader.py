import logging
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.packs import colour_network, write_pack
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.loader import load_classifier, load_classifiers
from taskworker_classifyimage.classify.onnx_runtime import import_onnxruntime
from taskworker_classifyimage.errors import ConfigError, ModelError


@pytest.mark.parametrize("name", ["directml", "coreml", "cuda:77", "openvino:NPU.9"])
def test_a_device_that_is_not_there_leaves_the_work_to_the_cpu(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the device and the reason, results name the CPU."""
    with caplog.at_level(logging.WARNING, logger="taskworker_classifyimage"):
        classifier = load_classifier("EfficientNetLite0", Device.parse(name))
    assert classifier.device == "cpu"
    assert f"device {name} cannot be used, working on the CPU: " in caplog.text


@pytest.mark.parametrize(("is_installed", "warnings"), [(False, 0), (True, 1)])
@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
def test_auto_is_loud_where_a_gpu_could_work_and_does_not(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_installed: bool,
    warnings: int,
) -> None:
    """With a runtime for GPUs a warning says why the CPU is used; without one there is none."""
    runtime = import_onnxruntime()
    providers = ["CPUExecutionProvider", *["CUDAExecutionProvider"] * is_installed]
    monkeypatch.setattr(runtime, "get_available_providers", lambda: providers)
    classifier = load_classifier("EfficientNetLite0", Device("auto"))
    assert classifier.device == "cpu"
    assert caplog.text.count("WARNING") == warnings


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    """Tasks could not tell them apart."""
    packs = [write_pack(tmp_path / name, colour_network()) for name in ("a", "b")]
    with pytest.raises(ConfigError, match="two models are called 'Colours'"):
        load_classifiers([str(pack) for pack in packs])


def custom_operator() -> onnx.ModelProto:
    network = colour_network()
    network.graph.node[0].domain = "evil.example"
    network.opset_import.append(helper.make_opsetid("evil.example", 1))
    return network


def external_weights(location: str) -> onnx.ModelProto:
    network = colour_network()
    weights = network.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": "36"}.items():
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    return network


def two_inputs() -> onnx.ModelProto:
    network = colour_network()
    network.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    return network


def one_at_a_time() -> onnx.ModelProto:
    network = colour_network()
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return network


def larger_than_memory() -> onnx.ModelProto:
    """Weights of a petabyte, computed when the file is loaded."""
    network = colour_network()
    shape = numpy_helper.from_array(np.array([2**24, 2**24], dtype=np.int64), "shape")
    network.graph.initializer.append(shape)
    network.graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["huge"]))
    network.graph.node.insert(1, helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0))
    network.graph.node[-1].output[0] = "before"
    network.graph.node.append(helper.make_node("Add", ["before", "most"], ["logits"]))
    return network


def weights_of_absurd_size() -> onnx.ModelProto:
    """A shape of a petabyte, with 36 bytes behind it."""
    network = colour_network()
    del network.graph.initializer[0].dims[:]
    network.graph.initializer[0].dims.extend([2**24, 2**24])
    return network


def other_format() -> bytes:
    """The same network in ONNX Runtime's own format, which it can read as well."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = f"{folder}/model.ort"
        runtime.InferenceSession(colour_network().SerializeToString(), options)
        return Path(options.optimized_model_filepath).read_bytes()


class Payload:
    """A pickle that runs code when it is read."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("unpickled",)


HOSTILE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "custom operator": (custom_operator(), {}, "cannot be loaded"),
    "weights elsewhere": (external_weights("../../etc/passwd"), {}, "cannot be loaded"),
    "absolute weights": (external_weights("/etc/passwd"), {}, "cannot be loaded"),
    "weights beside it": (external_weights("weights.bin"), {}, "cannot be loaded"),
    "a pickle": (pickle.dumps(Payload()), {}, "cannot be loaded"),
    "another format": (other_format(), {}, "cannot be loaded"),
    "weights of absurd size": (weights_of_absurd_size(), {}, "cannot be loaded"),
    "larger than memory": (larger_than_memory(), {}, "cannot be loaded|does not run"),
    "empty": (b"", {}, "cannot be loaded"),
    "half a network": (colour_network().SerializeToString()[:150], {}, "cannot be loaded"),
    "two inputs": (two_inputs(), {}, "2 inputs"),
    "wrong type": (colour_network(dtype="float32"), {}, "takes tensor"),
    "wrong layout": (colour_network(layout="NCHW"), {}, "does not run as described"),
    "wrong size": (colour_network(), {"input__size": 17}, "does not run as described"),
    "one at a time": (one_at_a_time(), {}, "does not run as described: .*Got: 2 Expected: 1"),
    "wrong checksum": (colour_network(), {"sha256": "0" * 64}, "is damaged"),
    "too many outputs": (colour_network(outputs=4), {}, r"answers with \(2, 4\), not \(2, 3\)"),
    "not probabilities": (colour_network(), {"output__kind": "probabilities"}, "sum to"),
    "too few outputs": (
        colour_network(),
        {"output__classes": "ILSVRC2012"},
        r"answers with \(2, 3\), not \(2, 1000\)",
    ),
    "names too short": (colour_network(), {"output__names": {"de": ["a"]}}, "1 names for 3"),
    "a class twice": (colour_network(), {"output__classes": ["a", "a", "b"]}, "a class twice"),
    "names of no table": (colour_network(), {"output__names": 5}, "names must be a table"),
    "names in a list": (colour_network(), {"output__names": [["de"]]}, "names must be a table"),
    "odd language": (colour_network(), {"output__names": {"x_y": ["a"] * 3}}, "language tag"),
    "absurd size": (colour_network(), {"input__size": 10**9}, "input.size must be from"),
    "no name": (colour_network(), {"name": ""}, "name must be"),
    "name with newline": (colour_network(), {"name": "a\nb"}, "name must be"),
    "division by zero": (
        colour_network(dtype="float32"),
        {"input__dtype": "float32", "input__scaling": {"subtract": [0] * 3, "divide": [0] * 3}},
        "must not be 0",
    ),
    "scaling beyond floats": (
        colour_network(dtype="float32"),
        {
            "input__dtype": "float32",
            "input__scaling": {"subtract": [10**400, 0, 0], "divide": [1] * 3},
        },
        "scaling.subtract must be three numbers",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pack_is_refused_in_one_line(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first picture, naming the pack, and touching no file besides the pack."""
    network, changes, problem = HOSTILE[kind]
    folder = write_pack(tmp_path / "pack", network, **changes)
    # In the pack's folder, which is also the current one: neither may be searched for weights.
    (folder / "weights.bin").write_bytes(bytes(36))
    monkeypatch.chdir(folder)
    with pytest.raises(ModelError, match=problem) as caught:
        load_classifier(str(folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.onnx",
        "model.toml",
        "weights.bin",
    ]
