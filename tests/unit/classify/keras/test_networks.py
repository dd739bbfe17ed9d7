"""Compares the table with the installed Keras; CLASSIFYIMAGE_KERAS_NETWORKS=all tries every row."""

import inspect
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.keras_files import (
    keras,
    pin,
    save_as_published,
    seeded_network,
    skip_without_tensorflow,
    squares,
)
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_runtime import preprocessing
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions

pytestmark = [
    pytest.mark.large,
    # Keras passes its variables to NumPy in the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

#: Small networks that differ in preprocessing, checksum and `_scale_as_published`.
_FEW = "MobileNetV2,ResNet50,EfficientNetB0"
_ASKED = os.environ.get("CLASSIFYIMAGE_KERAS_NETWORKS", _FEW)
NAMES = list(keras_networks()) if _ASKED == "all" else _ASKED.split(",")


@pytest.fixture(autouse=True, scope="module")
def _tensorflow() -> None:
    skip_without_tensorflow()


def test_every_network_of_keras_is_in_the_table() -> None:
    """No function is missing or invented, and no file is named twice."""
    factories = [name for name, _ in inspect.getmembers(keras().applications, inspect.isfunction)]
    assert sorted(keras_networks()) == sorted(factories)
    assert len({network.file for network in keras_networks().values()}) == len(factories)
    assert len({network.url for network in keras_networks().values()}) == len(factories)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_what_keras_makes_when_it_downloads_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same address, the same size, and with the same weights the same answers."""
    table = keras_networks()[name]
    weights, pictures = tmp_path / table.file, squares(4, table.size)
    save_as_published(seeded_network(name, pictures), weights)
    pin(weights)
    asked: list[tuple[Any, ...]] = []

    def instead_of_downloading(file: str, url: str, **options: Any) -> str:
        asked.append((file, url, options.get("file_hash")))
        return os.fspath(weights)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", instead_of_downloading)
    with pytest.MonkeyPatch.context() as patch:
        # Networks that take any size warn about it.
        patch.setattr("warnings.warn", lambda *_args, **_options: None)
        own = getattr(keras().applications, name)(weights="imagenet")
    assert asked == [(table.file, table.url, table.md5 or table.sha256)]
    assert (table.md5 is None and table.sha256 is None) == (table.size_bytes is not None)
    assert own.input_shape[1:3] in {(table.size, table.size), (None, None)}
    assert own.count_params() == table.parameters
    prepared = preprocessing(keras(), table)(pictures.astype(np.float32))
    expected = own.predict(prepared, verbose=0)
    assert expected.std(axis=0).max() > 0.001, "random weights that see nothing prove nothing"

    classifier = load_classifier(name, options=ModelOptions(tmp_path, offline=True))
    found = classifier.probabilities(pictures)
    assert found.shape == (4, 1000)
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-4
    # A compiled network adds up in another order, which rounds differently.
    assert np.abs(found - expected).max() < 5e-5
