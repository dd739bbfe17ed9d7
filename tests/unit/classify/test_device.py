import pytest

from taskworker_classifyimage.classify.device import Device


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
    """Results show it as it was given."""
    device = Device.parse(text)
    assert (device.kind, device.part, str(device)) == (kind, part, text)


@pytest.mark.parametrize(
    "text", ["", "gpu", "cuda:", "cuda:x", "cpu:0", "auto:1", "openvino:gpu", "cuda:1:2", "CUDA"]
)
def test_a_text_that_names_no_device_is_refused(text: str) -> None:
    """A similar device is never used instead."""
    with pytest.raises(ValueError, match="must be one of auto, cpu, cuda"):
        Device.parse(text)
