import logging
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.keras_files import (
    pin,
    save_as_published,
    seeded_network,
    skip_without_tensorflow,
    squares,
)
from support.odd_pictures import write_odd_pictures
from support.original import MODEL, Scores, assert_same, original_scores, seeded_original
from support.pools import real_pool
from taskworker_classifyimage.classify import load_classifier
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_import import import_tensorflow
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.local.files import LocalFiles
from taskworker_classifyimage.tasks import ClassifyRequest

skip_without_tensorflow()
# Keras hands its variables to NumPy as before NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PUBLISHED = keras_networks()[MODEL].file
#: The file as Keras publishes it, as Keras saves weights, as the original saved the whole network.
FILES = (PUBLISHED, f"{MODEL}.weights.h5", "tensorflow/mobilenetv3large_model.keras")


@dataclass(frozen=True)
class Example:
    """A network, pictures, and what the original says of each."""

    network: Any
    pictures: list[Path]
    scores: list[Scores]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    pictures = write_odd_pictures(tmp_path_factory.mktemp("pictures"))
    network = seeded_original(pictures[:24])
    return Example(network, pictures, [original_scores(network, each) for each in pictures])


def save(network: Any, folder: Path, name: str) -> ModelOptions:
    """Puts weights into a models folder; gives the options to use them as the original does."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".weights.h5"):
        network.save_weights(path)
    else:
        save_as_published(network, path)
    if name == PUBLISHED:
        pin(path)
    return ModelOptions(folder, offline=True, preprocessing="original")


@pytest.mark.parametrize("file", FILES)
def test_fifty_pictures_are_answered_as_the_original_does(
    example: Example, tmp_path: Path, file: str
) -> None:
    """The same weights, the same classes in the same order, the same probabilities."""
    options = save(example.network, tmp_path, file)
    classifier, ranks = load_classifier(MODEL, options=options), 0
    with real_pool() as pool:
        files = LocalFiles(classifier, pool)
        results = [files.classify(each, ClassifyRequest(top=1000)) for each in example.pictures]
    for result, scores in zip(results, example.scores, strict=True):
        ranks += assert_same(scores, result["predictions"])
        assert (result["model"], result["device"]) == (MODEL, "cpu")
        assert str(result["library"]).startswith("tensorflow-2.")
    assert len({scores.argmax() for scores in example.scores}) > 15, "they should differ"
    assert ranks > 10 * len(example.pictures), "they should be apart"


def test_every_thread_gets_the_same_bits(example: Example, tmp_path: Path) -> None:
    """What else is in flight changes no digit of an answer."""
    classifier = load_classifier(MODEL, options=save(example.network, tmp_path, PUBLISHED))
    images = squares(8, 224)
    alone = [classifier.probabilities(image[None])[0] for image in images]
    with ThreadPoolExecutor(4) as callers:
        together = list(callers.map(lambda i: classifier.probabilities(i[None])[0], images))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_the_environment_cannot_make_float32_less_precise(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN rounds to bfloat16 where it is allowed to and the processor can."""
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    monkeypatch.setenv("TF_SET_ONEDNN_FPMATH_MODE", "BF16")
    import_tensorflow()
    assert os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] == "STRICT"
    assert os.environ["TF_SET_ONEDNN_FPMATH_MODE"] == ""


@pytest.mark.parametrize("device", ["cuda:1", "openvino"])
def test_a_device_that_is_not_there_is_said_and_the_cpu_works(
    example: Example, tmp_path: Path, caplog: pytest.LogCaptureFixture, device: str
) -> None:
    """The log tells what can be done, the result the truth."""
    options = save(example.network, tmp_path, PUBLISHED)
    with caplog.at_level(logging.WARNING):
        classifier = load_classifier(MODEL, Device.parse(device), options)
    assert classifier.device == "cpu"
    assert f"device {device} cannot be used" in caplog.text
    assert ("models pack" if device[0] != "c" else "tensorflow[and-cuda]") in caplog.text


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path) -> None:
    """Which file, for which network."""
    options = save(seeded_network("MobileNetV3Small"), tmp_path, PUBLISHED)
    with pytest.raises(ModelError, match=rf"{PUBLISHED} holds no weights of {MODEL}: ") as caught:
        load_classifier(MODEL, options=options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", FILES)
def test_a_broken_file_is_refused_in_one_line(example: Example, tmp_path: Path, file: str) -> None:
    """Cut off, with a checksum that fits: what is read is said, not a stack trace."""
    options = save(example.network, tmp_path, file)
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:100_000])
    pin(path)
    with pytest.raises(ModelError, match="holds no weights of") as caught:
        load_classifier(MODEL, options=options)
    assert "\n" not in str(caught.value)


def test_weights_that_give_no_numbers_are_refused(example: Example, tmp_path: Path) -> None:
    """Found before the first task, on a blank picture."""
    layer = example.network.get_layer("conv")
    kept = layer.kernel.numpy()
    try:
        layer.kernel.assign(np.full(kept.shape, np.nan, np.float32))
        options = save(example.network, tmp_path, PUBLISHED)
    finally:
        layer.kernel.assign(kept)
    with pytest.raises(ModelError, match="gives probabilities that sum to nan, not 1"):
        load_classifier(MODEL, options=options)


def test_code_in_a_keras_file_is_never_run(example: Example, tmp_path: Path) -> None:
    """Only weights are read of it; what it says the network is, is not even looked at."""
    options = save(example.network, tmp_path, FILES[2])
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
