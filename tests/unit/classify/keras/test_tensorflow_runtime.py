import logging
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.keras_files import (
    pin,
    seeded_network,
    skip_without_tensorflow,
    squares,
)
from support.odd_pictures import write_odd_pictures
from support.original import FILES, MODEL, PUBLISHED, save_weights, seeded_original
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.errors import ModelError

pytestmark = [
    pytest.mark.large,
    # Keras passes its variables to NumPy in the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def _tensorflow() -> None:
    skip_without_tensorflow()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The original's network with random weights."""
    return seeded_original(write_odd_pictures(tmp_path_factory.mktemp("pictures"), 24))


def test_every_thread_gets_the_same_bits(original: Any, tmp_path: Path) -> None:
    """Other pictures in flight change no bit of an answer."""
    classifier = load_classifier(MODEL, options=save_weights(original, tmp_path, PUBLISHED))
    images = squares(8, 224)
    alone = [classifier.probabilities(image[None])[0] for image in images]
    with ThreadPoolExecutor(4) as callers:
        together = list(callers.map(lambda i: classifier.probabilities(i[None])[0], images))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("device", ["cuda:1", "openvino"])
def test_without_the_device_the_log_says_what_to_do_and_the_cpu_works(
    original: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, device: str
) -> None:
    """The log says what to do; results name the CPU."""
    options = save_weights(original, tmp_path, PUBLISHED)
    with caplog.at_level(logging.WARNING):
        classifier = load_classifier(MODEL, Device.parse(device), options)
    assert classifier.device == "cpu"
    assert f"device {device} cannot be used" in caplog.text
    assert ("models pack" if device[0] != "c" else "tensorflow[and-cuda]") in caplog.text


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path) -> None:
    """The message names the file and the network."""
    options = save_weights(seeded_network("MobileNetV3Small"), tmp_path, PUBLISHED)
    with pytest.raises(ModelError, match=rf"{PUBLISHED} holds no weights of {MODEL}: ") as caught:
        load_classifier(MODEL, options=options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", FILES)
def test_a_broken_file_is_refused_in_one_line(original: Any, tmp_path: Path, file: str) -> None:
    """A truncated file with a matching checksum gives a message, not a stack trace."""
    options = save_weights(original, tmp_path, file)
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:100_000])
    pin(path)
    with pytest.raises(ModelError, match="holds no weights of") as caught:
        load_classifier(MODEL, options=options)
    assert "\n" not in str(caught.value)


def test_weights_that_give_no_numbers_are_refused(original: Any, tmp_path: Path) -> None:
    """A blank picture shows it before the first task."""
    layer = original.get_layer("conv")
    kept = layer.kernel.numpy()
    try:
        layer.kernel.assign(np.full(kept.shape, np.nan, np.float32))
        options = save_weights(original, tmp_path, PUBLISHED)
    finally:
        layer.kernel.assign(kept)
    with pytest.raises(ModelError, match="gives probabilities that sum to nan, not 1"):
        load_classifier(MODEL, options=options)


def test_code_in_a_keras_file_is_never_run(original: Any, tmp_path: Path) -> None:
    """Only weights are read; the file's description of the network is ignored."""
    options = save_weights(original, tmp_path, FILES[2])
    path = tmp_path / FILES[2]
    with zipfile.ZipFile(path) as archive:
        weights = archive.read("model.weights.h5")
    trap = tmp_path / "trap"
    config = f'{{"module": "builtins", "class_name": "open", "config": ["{trap}", "w"]}}'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights)
    assert load_classifier(MODEL, options=options).model.name == MODEL
    assert not trap.exists()
