"""Keras networks with seeded random weights whose answers depend on the picture."""

import hashlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_import import import_tensorflow
from taskworker_classifyimage.classify.keras.tensorflow_runtime import preprocessing

#: Spread of the scores between classes; with plain random weights all scores are the same.
_SPREAD = 3.0


def skip_without_tensorflow() -> None:
    """Skips a test, or a module if a fixture of it calls this; fails where CI is "true"."""
    if find_spec("tensorflow") is None:
        has_wheels = sys.version_info < (3, 14)
        assert not has_wheels or os.environ.get("CI") != "true", "TensorFlow has to be there"
        pytest.skip("TensorFlow is not installed", allow_module_level=True)


def keras() -> Any:
    """The module, imported in the way of the program."""
    return import_tensorflow()[1]


def squares(count: int, size: int, seed: int = 1) -> npt.NDArray[np.uint8]:
    """(count, size, size, 3) uint8: coarse patches of colour, fine ones, and plain, in turn."""
    random = np.random.default_rng(seed)
    pictures = np.empty((count, size, size, 3), np.uint8)
    for number, picture in enumerate(pictures):
        patches = (5, 23, 1)[number % 3]
        places = np.arange(size) * patches // size
        picture[:] = random.integers(0, 256, (patches, patches, 3))[places][:, places]
    return pictures


def seeded_network(name: str, pictures: npt.NDArray[np.uint8] | None = None, seed: int = 1) -> Any:
    """A network of `keras.applications` whose answers differ from picture to picture.

    Args:
        pictures: (N, S, S, 3) uint8 RGB, for which its answers are to differ.
    """
    table = keras_networks()[name]
    library = keras()
    library.utils.set_random_seed(seed)
    factory = getattr(library.applications, name)
    network = factory(weights=None, input_shape=(table.size, table.size, 3))
    random = np.random.default_rng(seed)
    for variable in network.weights:
        if variable.path.rpartition("/")[2] == "gamma":
            variable.assign(random.uniform(0.1, 0.5, variable.shape).astype(np.float32))
        if variable.path.rpartition("/")[2] in {"beta", "bias"}:
            variable.assign(random.normal(0, 0.1, variable.shape).astype(np.float32))
    if pictures is None:
        pictures = squares(4, table.size)
    prepared = preprocessing(library, table)(pictures.astype(np.float32))
    # EfficientNets are published with one more division by the root of the deviation.
    _set_imagenet_statistics(network, power=3)
    _normalise(network, prepared)
    _tell_apart(network, prepared)
    _set_imagenet_statistics(network, power=2)
    return network


def _normalise(network: Any, prepared: npt.NDArray[np.float32]) -> None:
    """Sets the batch normalisations to the mean and variance of these pictures."""
    normalising = [
        layer for layer in network.layers if isinstance(layer, keras().layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in normalising]
    for layer in normalising:
        layer.momentum = 0.0
    _run(network, prepared, training=True)
    for layer, momentum in zip(normalising, momenta, strict=True):
        layer.momentum = momentum


def _tell_apart(network: Any, prepared: npt.NDArray[np.float32]) -> None:
    """Subtracts the part of the scores that all pictures share, and spreads the rest."""
    last = next(layer for layer in reversed(network.layers) if hasattr(layer, "kernel"))
    scores = np.log(_run(network, prepared, training=False) + 1e-30)
    scores -= scores.mean(axis=1, keepdims=True)
    common = np.median(scores, axis=0)
    # A quantile, as unbounded scores would depend on the last bit of a sum.
    factor = _SPREAD / np.quantile((scores - common).std(axis=1), 0.8)
    last.kernel.assign(last.kernel * factor)
    last.bias.assign((last.bias - common) * factor)


def _run(
    network: Any, prepared: npt.NDArray[np.float32], *, training: bool
) -> npt.NDArray[np.float32]:
    """Runs the network compiled, which needs less memory than eager execution."""
    compiled = import_tensorflow()[0].function(
        lambda images: network(images, training=training), autograph=False
    )
    return np.asarray(compiled(prepared))


def save_as_published(network: Any, path: Path) -> None:
    """Writes a `.keras`, or an `.h5` of weights alone in the layout of the published files."""
    if path.suffix == ".keras":
        network.save(path)
        return
    import h5py  # noqa: PLC0415 - comes with TensorFlow
    from keras.src.legacy.saving import legacy_h5_format  # noqa: PLC0415 - comes with TensorFlow

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)


def pin(path: Path) -> None:
    """Writes `NAME.sha256`, which pins weights of one's own."""
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{checksum}  {path.name}\n")


def _set_imagenet_statistics(network: Any, power: int) -> None:
    """Sets the first layer of EfficientNets to ImageNet's mean and a power of its deviation."""
    for layer in network.layers:
        if isinstance(layer, keras().layers.Normalization) and layer.weights:
            mean, std = np.array([(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)], np.float32)
            layer.adapt_mean.assign(mean)
            layer.adapt_variance.assign(std**power)
            layer.finalize_state()
