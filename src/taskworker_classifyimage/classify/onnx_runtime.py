"""Runs a model pack with ONNX Runtime on the CPU."""

import os
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.model_pack import ILSVRC2012_CLASSES, ModelPack
from taskworker_classifyimage.classify.ranking import softmax
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.machine import usable_cores

if TYPE_CHECKING:
    import onnxruntime

_PROVIDERS: Final = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class DeviceUnusable(ModelError):
    """The device that was asked for is not there, or does not run the model."""


class OnnxClassifier:
    """A `Classifier` on ONNX Runtime; `load` before use.

    On the CPU each call runs on the thread that makes it: one inference a core is faster than one
    inference on all cores, and no thread spins when there is nothing to do.

    Attributes:
        device: where it runs, "cpu" or "cuda"; settled by `load`.
    """

    def __init__(self, pack: ModelPack, device: str = "cpu") -> None:
        self.pack = pack
        self.library = ""
        self.device = device
        self._session: onnxruntime.InferenceSession | None = None
        self._input_name = ""

    @property
    def threads(self) -> int:
        """As many callers as cores: none of them waits for another."""
        return usable_cores()

    def load(self) -> None:
        """Verifies and loads the model and tries it on a blank picture.

        Raises:
            ModelError: the file is damaged or is no network as described.
            DeviceUnusable: the device is not there or does not run the model.
        """
        # From 1.29 on it sends usage data to its maker unless this is set before it is loaded.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime  # noqa: PLC0415 - a heavy import that only a loaded model needs

        content = self.pack.read_verified()
        provider = _PROVIDERS[self.device]
        if provider not in onnxruntime.get_available_providers():
            raise DeviceUnusable(f"this onnxruntime has no {provider}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if not self.pack.saturation_safe:
            # Makes signed weights unsigned where they could saturate: a third slower, but right.
            options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            session = onnxruntime.InferenceSession(content, options, providers=[provider])
        except Exception as err:
            raise ModelError(f"{self.pack.model_path} cannot be loaded: {err}") from err
        if session.get_providers()[0] != provider:
            # It falls back to the CPU by itself, and without a word.
            raise DeviceUnusable(f"{provider} does not start here")
        self._session = session
        self._input_name = session.get_inputs()[0].name
        self.library = f"onnxruntime-{onnxruntime.__version__}"
        self._try_blank_picture()

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """(N, S, S, 3) uint8 RGB to (N, 1000) probabilities, 0 to 1, in order of synset id."""
        if self._session is None:
            raise RuntimeError("OnnxClassifier is used before load()")
        (logits,) = self._session.run(None, {self._input_name: images})
        return softmax(logits)

    def _try_blank_picture(self) -> None:
        size = self.pack.input.size
        blank = np.zeros((1, size, size, 3), dtype=np.uint8)
        try:
            shape = self.probabilities(blank).shape
        except Exception as err:
            raise ModelError(f"{self.pack.model_path} does not run: {err}") from err
        if shape != (1, ILSVRC2012_CLASSES):
            raise ModelError(
                f"{self.pack.model_path} answers with {shape}, not (1, {ILSVRC2012_CLASSES})"
            )
