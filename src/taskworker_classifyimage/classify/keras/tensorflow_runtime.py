"""Builds a Keras network and runs it with TensorFlow: an extra, for the original's answers."""

import contextlib
from collections.abc import Callable
from typing import Any, Final, Self, cast

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Images, Probabilities
from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.classify.keras.model import KerasModel
from taskworker_classifyimage.classify.keras.networks import KerasNetwork
from taskworker_classifyimage.classify.keras.tensorflow_import import import_tensorflow
from taskworker_classifyimage.classify.warm_up import try_blank_pictures
from taskworker_classifyimage.errors import DeviceMissing, DeviceUnusable, ModelError, one_line
from taskworker_classifyimage.machine import usable_cores

#: Standard deviations of ImageNet's channels as shares of 255, red first; Keras' own figures.
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)

#: (N, S, S, 3) uint8 RGB to (N, 1000) probabilities.
_Run = Callable[[Images], npt.NDArray[np.float32]]


class TensorFlowClassifier:
    """A `Classifier` on TensorFlow.

    Preprocessing and network are one compiled function. On the CPU each call runs on one core: for
    MobileNetV3Large, ResNet50, VGG16 and EfficientNetB0 that took no more CPU time per picture than
    one call on all cores. Batches of 8 took between 15 % less and 40 % more, so only GPUs get them.
    """

    def __init__(self, model: KerasModel, run: _Run, device: Device, library: str) -> None:
        self.model = model
        self.library = library
        self.device = str(device)
        self.threads = usable_cores()
        self._run = run

    @classmethod
    def load(cls, model: KerasModel, device: Device = CPU) -> Self:
        """Builds and compiles a network, loads its weights and tries it on a blank picture.

        Raises:
            ModelError: TensorFlow is missing, or the file has no weights of this network.
            DeviceUnusable: there is no such GPU, or it cannot hold the network.
        """
        tensorflow, keras = import_tensorflow()
        # TensorFlow raises this after its first operation, when both numbers are set already.
        with contextlib.suppress(RuntimeError):
            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
            tensorflow.config.threading.set_inter_op_parallelism_threads(usable_cores())
        place = _find_place(tensorflow, model, device)
        try:
            with tensorflow.device(place):
                network = build_network(keras, model)
            run = _compile(tensorflow, network, preprocessing(keras, model.network), place)
        except tensorflow.errors.OpError as err:
            raise DeviceUnusable(f"{device} does not run {model.name}: {one_line(err)}") from err
        classifier = cls(model, run, device, f"tensorflow-{tensorflow.__version__}")
        try_blank_pictures(classifier, 1, f"{model.weights}: the network with these weights")
        return classifier

    def probabilities(self, images: Images) -> Probabilities:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        return np.asarray(self._run(images), dtype=np.float64)


def build_network(keras: Any, model: KerasModel) -> Any:
    """Builds a `keras.Model` from (N, S, S, 3) float32 to (N, 1000) probabilities.

    Only weights are read from the file: nothing in it is run.

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
    """Keras' own for this network: (N, S, S, 3) float32 RGB, 0 to 255, to the network's input."""
    module = getattr(keras.applications, network.family)
    return cast("Callable[[Any], Any]", module.preprocess_input)


def _scale_as_published(keras: Any, built: Any) -> None:
    """Divides by the square root of the channels' deviations once more.

    The published EfficientNets were trained so. Keras has a layer for it, which it builds only when
    it downloads the weights itself; here the factor goes into the variance that the network divides
    by.
    """
    (normalization,) = (
        layer for layer in built.layers if isinstance(layer, keras.layers.Normalization)
    )
    deviation = np.array(_IMAGENET_STD, np.float32)
    normalization.adapt_variance.assign(normalization.adapt_variance * deviation)
    normalization.finalize_state()


def _find_place(tensorflow: Any, model: KerasModel, device: Device) -> str:
    """Translates a device into TensorFlow's name for it."""
    if device.kind == "cpu":
        return "/CPU:0"
    if device.kind != "cuda":
        raise DeviceUnusable(
            f"{model.name} runs on TensorFlow, which knows cpu and cuda; "
            f"a pack made with 'models pack {model.name}' runs on {device}"
        )
    number, gpus = int(device.part or 0), tensorflow.config.list_physical_devices("GPU")
    if number >= len(gpus):
        raise DeviceMissing(
            f"TensorFlow {tensorflow.__version__} sees {len(gpus)} GPUs; "
            "on Linux install tensorflow[and-cuda] of that version"
        )
    return f"/GPU:{number}"


def _compile(tensorflow: Any, network: Any, preprocess: Callable[[Any], Any], place: str) -> _Run:
    def call_network(images: Any) -> Any:
        with tensorflow.device(place):
            pixels = tensorflow.cast(images, tensorflow.float32)
            return network(preprocess(pixels), training=False)

    images = tensorflow.TensorSpec((None, *network.input_shape[1:]), tensorflow.uint8)
    compiled = tensorflow.function(call_network, autograph=False).get_concrete_function(images)

    def run(pixels: Images) -> npt.NDArray[np.float32]:
        # Without this, pictures for the CPU would be copied to a GPU and back.
        with tensorflow.device(place):
            return np.asarray(compiled(tensorflow.constant(pixels)).numpy())

    return run
