import logging
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from taskworker_classifyimage.classify import load_classifier
from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.classify.onnx_session import import_onnxruntime, session_options
from taskworker_classifyimage.classify.warm_up import check_agreement
from taskworker_classifyimage.errors import DeviceUnusable, ModelError

if TYPE_CHECKING:
    import onnxruntime


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("auto", "auto", ""),
        ("cuda", "cuda", ""),
        ("cuda:1", "cuda", "1"),
        ("openvino:GPU", "openvino", "GPU"),
        ("openvino:GPU.1", "openvino", "GPU.1"),
        ("coreml", "coreml", ""),
        ("directml:0", "directml", "0"),
    ],
)
def test_a_device_is_a_kind_and_maybe_a_part(text: str, kind: str, part: str) -> None:
    """It is shown in results as it was asked for."""
    device = Device.parse(text)
    assert (device.kind, device.part, str(device)) == (kind, part, text)


@pytest.mark.parametrize(
    "text", ["", "gpu", "cuda:", "cuda:x", "cpu:0", "auto:1", "openvino:gpu", "cuda:1:2", "CUDA"]
)
def test_what_is_no_device_is_refused(text: str) -> None:
    """Never taken for something near it."""
    with pytest.raises(ValueError, match="must be one of auto, cpu, cuda"):
        Device.parse(text)


@pytest.mark.parametrize("name", ["directml", "coreml", "cuda:77", "openvino:NPU.9"])
def test_a_device_that_is_not_there_leaves_the_work_to_the_cpu(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which device and why, the result says the CPU."""
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
    """Whoever installed a runtime for GPUs is told why the CPU works; nobody else is bothered."""
    runtime = import_onnxruntime()
    providers = ["CPUExecutionProvider", *["CUDAExecutionProvider"] * is_installed]
    monkeypatch.setattr(runtime, "get_available_providers", lambda: providers)
    classifier = load_classifier("EfficientNetLite0", Device("auto"))
    assert classifier.device == "cpu"
    assert caplog.text.count("WARNING") == warnings


def test_a_runtime_that_fails_as_it_starts_is_told_why_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime would print it among the results, and go on by itself on the CPU."""

    def spoilt() -> "onnxruntime.SessionOptions":
        options = session_options()
        options.intra_op_num_threads = 2
        options.add_session_config_entry("session.intra_op_thread_affinities", "nonsense")
        return options

    monkeypatch.setattr("taskworker_classifyimage.classify.onnx_runtime.session_options", spoilt)
    with pytest.raises(ModelError, match=r"cannot be loaded: .*must consist of only digits"):
        OnnxClassifier(find_pack("EfficientNetLite0")).load()
    assert capsys.readouterr() == ("", "")


class Broken(OnnxClassifier):
    """The real classifier on a device that spoils its answers."""

    spoilt = 1.0

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return super().probabilities(images) * self.spoilt


@pytest.mark.parametrize("spoilt", [0.0, np.nan])
def test_a_device_that_answers_otherwise_is_not_used(spoilt: float) -> None:
    """A wrong driver gives zeros or no numbers at all, and no error."""
    pack = find_pack("EfficientNetLite0")
    reference, broken = OnnxClassifier(pack), Broken(pack)
    reference.load()
    broken.load()
    check_agreement(reference, reference)
    broken.spoilt = spoilt
    with pytest.raises(DeviceUnusable, match="answers otherwise"):
        check_agreement(broken, reference)
