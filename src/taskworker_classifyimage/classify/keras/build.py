"""Builds a Keras network with its weights, as Keras does when it downloads them itself."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from taskworker_classifyimage.classify.keras.model import KerasModel
from taskworker_classifyimage.classify.keras.networks import KerasNetwork
from taskworker_classifyimage.errors import ModelError, one_line

#: Standard deviations of ImageNet's channels as shares of 255, red first; Keras' own figures.
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)


def build_network(keras: Any, model: KerasModel) -> Any:
    """A `keras.Model` from (N, S, S, 3) float32 to (N, 1000) probabilities.

    Only weights are read from the file: there is nothing in it that could be run.

    Raises:
        ModelError: the file has no weights of this network.
    """
    network = model.network
    factory = getattr(keras.applications, network.name)
    built = factory(weights=None, input_shape=(network.size, network.size, 3))
    try:
        built.load_weights(str(model.weights))
    except Exception as err:
        # h5py, zipfile and Keras raise anything: OSError, KeyError, ValueError.
        raise ModelError(
            f"{model.weights} holds no weights of {network.name}: {one_line(err)}"
        ) from err
    if network.family == "efficientnet":
        _scale_as_published(keras, built)
    return built


def preprocessing(keras: Any, network: KerasNetwork) -> Callable[[Any], Any]:
    """Keras' own for this network: (N, S, S, 3) float32 RGB, 0 to 255, to what it takes."""
    module = getattr(keras.applications, network.family)
    preprocess: Callable[[Any], Any] = module.preprocess_input
    return preprocess


def _scale_as_published(keras: Any, built: Any) -> None:
    """Divides by the square root of the channels' deviations once more.

    The published EfficientNets were trained so; Keras has a layer for it, and only builds that when
    it downloads the weights itself. Here it goes into the variance that the network divides by.
    """
    (layer,) = (each for each in built.layers if isinstance(each, keras.layers.Normalization))
    layer.adapt_variance.assign(layer.adapt_variance * np.array(_IMAGENET_STD, np.float32))
    layer.finalize_state()
