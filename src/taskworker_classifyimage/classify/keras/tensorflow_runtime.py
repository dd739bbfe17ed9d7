"""Runs a Keras network with TensorFlow: an extra, for answers equal to the original's."""

import contextlib
from collections.abc import Callable
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.classify.keras.build import build_network, preprocessing
from taskworker_classifyimage.classify.keras.model import KerasModel
from taskworker_classifyimage.classify.keras.tensorflow_import import import_tensorflow
from taskworker_classifyimage.errors import DeviceMissing, DeviceUnusable, ModelError, one_line
from taskworker_classifyimage.machine import usable_cores

#: Far more than float32 rounds; anything beyond is no distribution.
_SUM_TOLERANCE: Final = 0.001


class TensorFlowClassifier:
    """A `Classifier` on TensorFlow; `load` before use.

    Preprocessing and network are one compiled function. On the CPU each call runs on one core: for
    MobileNetV3Large, ResNet50, VGG16 and EfficientNetB0 that took no more CPU time a picture than
    all cores on one, and batches of 8 between 15 % less and 40 % more, so they are left to GPUs.
    """

    def __init__(self, model: KerasModel, device: Device = CPU) -> None:
        self.model = model
        self.library = ""
        self._device = device
        self._run: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]] | None = None

    @property
    def device(self) -> str:
        """Where it runs: `load` fails rather than run anywhere else."""
        return str(self._device)

    @property
    def threads(self) -> int:
        """As many callers as cores: none of them waits for another."""
        return usable_cores()

    def load(self) -> None:
        """Builds and compiles the network, loads its weights and tries it on a blank picture.

        Raises:
            ModelError: TensorFlow is missing, or the weights are none of this network.
            DeviceUnusable: there is no such GPU, or it does not run the network.
        """
        tensorflow, keras = import_tensorflow()
        # They can be set until TensorFlow runs its first operation, and then refuse.
        with contextlib.suppress(RuntimeError):
            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
            tensorflow.config.threading.set_inter_op_parallelism_threads(usable_cores())
        place = self._place(tensorflow)
        try:
            with tensorflow.device(place):
                network = build_network(keras, self.model)
            self._run = self._compile(tensorflow, keras, network, place)
            self._try_blank_picture()
        except tensorflow.errors.OpError as err:
            raise DeviceUnusable(
                f"{self.device} does not run {self.model.name}: {one_line(err)}"
            ) from err
        self.library = f"tensorflow-{tensorflow.__version__}"

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        if self._run is None:
            raise RuntimeError("TensorFlowClassifier is used before load()")
        return np.asarray(self._run(images), dtype=np.float64)

    def _place(self, tensorflow: Any) -> str:
        """Where TensorFlow is to work, in its own words."""
        if self._device.kind == "cpu":
            return "/CPU:0"
        if self._device.kind != "cuda":
            raise DeviceUnusable(
                f"{self.model.name} runs on TensorFlow, which knows cpu and cuda; "
                f"a pack made with 'models pack {self.model.name}' runs on {self.device}"
            )
        number, there = int(self._device.part or 0), tensorflow.config.list_physical_devices("GPU")
        if number >= len(there):
            raise DeviceMissing(
                f"TensorFlow {tensorflow.__version__} sees {len(there)} GPUs; "
                "on Linux install tensorflow[and-cuda] of that version"
            )
        return f"/GPU:{number}"

    def _compile(
        self, tensorflow: Any, keras: Any, network: Any, place: str
    ) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
        size = self.model.network.size
        preprocess = preprocessing(keras, self.model.network)

        def run(images: Any) -> Any:
            with tensorflow.device(place):
                pixels = tensorflow.cast(images, tensorflow.float32)
                return network(preprocess(pixels), training=False)

        images = tensorflow.TensorSpec((None, size, size, 3), tensorflow.uint8)
        compiled = tensorflow.function(run, autograph=False).get_concrete_function(images)

        def answer(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            # Otherwise pictures for the CPU would make a detour by a GPU.
            with tensorflow.device(place):
                return np.asarray(compiled(tensorflow.constant(pixels)).numpy())

        return answer

    def _try_blank_picture(self) -> None:
        size, classes = self.model.network.size, self.model.class_count
        answer = self.probabilities(np.zeros((1, size, size, 3), dtype=np.uint8))
        if answer.shape != (1, classes):
            self._refuse(f"answers with {answer.shape}, not (1, {classes})")
        if not abs(answer.sum() - 1) < _SUM_TOLERANCE:
            self._refuse(f"gives probabilities that sum to {answer.sum():.3f}, not 1")

    def _refuse(self, problem: str) -> NoReturn:
        raise ModelError(f"{self.model.weights}: the network with these weights {problem}")
