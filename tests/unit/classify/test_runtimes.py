import importlib.metadata
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from taskworker_classifyimage.classify import runtimes
from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.classify.runtimes import (
    Speeds,
    read_speeds,
    speeds_file,
    write_speeds,
)

MODEL = "EfficientNetLite0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the model's speeds belong."""
    found = speeds_file(tmp_path, find_pack(MODEL), load_classifier(MODEL).library)
    if found is None:
        assert os.environ.get("CI") != "true", "OpenVINO has to be there"
        pytest.skip("OpenVINO is not installed")
    return found


def load(file: Path, device: str = "auto") -> str:
    options = ModelOptions(speeds=file.parent)
    return load_classifier(MODEL, Device(device), options).device


def test_openvino_is_taken_if_it_was_clearly_faster(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Results name it, and the log says why."""
    write_speeds(file, Speeds(4.0, 3.0))
    with caplog.at_level(logging.INFO, logger="taskworker_classifyimage"):
        assert load(file) == "openvino"
    assert "4.0 ms with ONNX Runtime, 3.0 with OpenVINO" in caplog.text


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize(
    "content",
    [
        '{"onnxruntime_ms": 4.0, "openvino_ms": 3.6}',
        '{"onnxruntime_ms": 4.0, "openvino_ms": NaN}',
        '{"onnxruntime_ms": 4.0}',
        "[1]",
        "{",
        None,
    ],
)
def test_otherwise_it_is_onnx_runtime(file: Path, content: str | None, device: str) -> None:
    """Not clearly faster, never measured, or a file that a full disk has cut off."""
    if content is not None:
        file.write_text(content)
    assert load(file, device) == "cpu"


def test_a_device_that_is_named_is_what_it_says(file: Path) -> None:
    """Whatever was measured."""
    write_speeds(file, Speeds(4.0, 1.0))
    assert load(file, "cpu") == "cpu"


def test_what_changes_is_measured_anew(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another model, processor, or version of a runtime has a file of its own."""
    pack, library = find_pack(MODEL), load_classifier(MODEL).library
    files = {
        file,
        speeds_file(file.parent, find_pack("EfficientNetLite2"), library),
        speeds_file(file.parent, pack, "onnxruntime-0.1"),
    }
    monkeypatch.setattr(runtimes, "processor_name", lambda: "a Z80")
    files.add(speeds_file(file.parent, pack, library))
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "0.1")
    files.add(speeds_file(file.parent, pack, library))
    assert len(files) == 5


def test_without_openvino_there_is_nothing_to_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nothing is measured."""

    def fail(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", fail)
    assert speeds_file(tmp_path, find_pack(MODEL), "onnxruntime-1.0") is None


def test_both_are_measured(file: Path) -> None:
    """The real ones, on one picture at a time."""
    runtimes.main(MODEL, str(file))
    speeds = read_speeds(file)
    assert speeds is not None
    assert speeds.onnxruntime_ms > 0
    assert 0 < speeds.openvino_ms < sys.float_info.max
    assert not replace(speeds, openvino_ms=speeds.onnxruntime_ms).favour_openvino
