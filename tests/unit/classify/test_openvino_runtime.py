import builtins
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.packs import SIZE, colour_network, write_pack
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.openvino_runtime import OpenVinoClassifier, is_there
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.sample import SAMPLE


@pytest.fixture(scope="module")
def on_openvino() -> Classifier:
    classifier = load_classifier("EfficientNetLite0", Device("openvino"))
    if classifier.device != "openvino":
        assert os.environ.get("CI") != "true", "OpenVINO has to be there"
        pytest.skip("OpenVINO is not installed")
    return classifier


def test_openvino_says_so_and_sees_the_same(on_openvino: Classifier) -> None:
    """The result names the runtime, and the sample gets the same class, up to rounding."""
    assert on_openvino.library.startswith("openvino-20")
    image = decode(SAMPLE.read_bytes(), on_openvino.model.input, DecodeLimits()).pixels[None]
    there = on_openvino.probabilities(image)[0]
    here = load_classifier("EfficientNetLite0").probabilities(image)[0]
    assert there.argmax() == here.argmax()
    assert np.abs(there - here).max() < 0.1


def test_openvino_gives_the_same_bits_from_any_thread(on_openvino: Classifier) -> None:
    """Other pictures in flight change no bit of an answer."""
    size = on_openvino.model.input.size
    images = np.random.default_rng(3).integers(0, 256, (12, size, size, 3), dtype=np.uint8)
    alone = [on_openvino.probabilities(image[None])[0] for image in images]
    with ThreadPoolExecutor(4) as callers:
        together = list(callers.map(lambda i: on_openvino.probabilities(i[None])[0], images))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_openvino_runs_packs_of_ones_own(on_openvino: Classifier, tmp_path: Path) -> None:
    """The same pack gives the same answers as on ONNX Runtime."""
    assert on_openvino.device == "openvino"
    path = str(write_pack(tmp_path / "pack", colour_network(layout="NCHW"), input__layout="NCHW"))
    blue = np.full((2, SIZE, SIZE, 3), (0, 0, 100), dtype=np.uint8)
    there = load_classifier(path, Device("openvino")).probabilities(blue)
    assert np.abs(there - load_classifier(path).probabilities(blue)).max() < 1e-5


def test_openvino_computes_in_float32_on_every_processor(on_openvino: Classifier) -> None:
    """OpenVINO's defaults are bfloat16 with AVX-512 BF16, float16 on Arm, quantised activations."""
    assert isinstance(on_openvino, OpenVinoClassifier)
    network = on_openvino._network
    assert network is not None
    assert network.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    assert network.get_property("EXECUTION_MODE_HINT").name == "ACCURACY"


@pytest.mark.parametrize(
    ("part", "available", "there"),
    [
        ("GPU", ["CPU", "GPU"], True),
        ("GPU", ["CPU", "GPU.0", "GPU.1"], True),
        ("GPU.1", ["CPU", "GPU.0", "GPU.1"], True),
        ("GPU.2", ["CPU", "GPU.0", "GPU.1"], False),
        ("GPU", ["CPU"], False),
    ],
)
def test_the_first_of_several_gpus_goes_by_the_name_of_one(
    part: str, available: list[str], there: bool
) -> None:
    """OpenVINO lists two GPUs as GPU.0 and GPU.1, and accepts GPU for the first."""
    assert is_there(part, available) is there


def test_without_the_extra_the_cpu_works_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what to install; results name the CPU."""
    real_import = builtins.__import__

    def import_without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "openvino":
            raise ImportError(name)
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", import_without)
    with caplog.at_level(logging.WARNING, logger="taskworker_classifyimage"):
        assert load_classifier("EfficientNetLite0", Device("openvino")).device == "cpu"
    assert f'{sys.executable} -m pip install "taskworker-classifyimage[openvino]"' in caplog.text
