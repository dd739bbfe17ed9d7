"""Runs a model pack with ONNX Runtime, on the CPU or on a GPU."""

from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.classify.model_pack import MODEL_FILE, ModelPack
from taskworker_classifyimage.classify.onnx_session import import_onnxruntime, session_options
from taskworker_classifyimage.classify.ranking import to_probabilities
from taskworker_classifyimage.classify.tensor import to_tensor
from taskworker_classifyimage.errors import DeviceMissing, DeviceUnusable, ModelError, one_line
from taskworker_classifyimage.machine import usable_cores

if TYPE_CHECKING:
    import onnxruntime

#: Half-precision networks round; anything beyond is no distribution.
_SUM_TOLERANCE: Final = 0.01

_PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
#: The wheel that has a provider, where it is not the ordinary one.
_WHEELS: Final = {"cuda": "onnxruntime-gpu[cuda,cudnn]", "directml": "onnxruntime-directml"}


class OnnxClassifier:
    """A `Classifier` on ONNX Runtime; `load` before use.

    On the CPU each call runs on the thread that makes it: one inference a core is faster than one
    inference on all cores, and no thread spins when there is nothing to do. On other devices one
    call at a time.
    """

    def __init__(self, pack: ModelPack, device: Device = CPU) -> None:
        self.model = pack
        self.library = ""
        self._device = device
        self._session: onnxruntime.InferenceSession | None = None
        self._input_name = ""

    @property
    def device(self) -> str:
        """Where it runs: `load` fails rather than run anywhere else."""
        return str(self._device)

    @property
    def threads(self) -> int:
        """As many callers as cores: none of them waits for another."""
        return usable_cores()

    def load(self) -> None:
        """Verifies and loads the model and tries it on blank pictures.

        Raises:
            ModelError: the file is damaged or is no network as described.
            DeviceUnusable: the device is not there or does not run the model.
        """
        onnxruntime = import_onnxruntime()
        content = self.model.read_verified()
        kind = self._device.kind
        provider = _PROVIDERS[kind]
        if provider not in onnxruntime.get_available_providers():
            wheel = f"; install {_WHEELS[kind]} in its place" if kind in _WHEELS else ""
            raise DeviceMissing(f"this onnxruntime has no {provider}{wheel}")
        options = session_options()
        if kind == "directml":
            # It works only without (onnxruntime's documentation of this provider).
            options.enable_mem_pattern = False
        if not self.model.saturation_safe:
            # Makes signed weights unsigned where they could saturate: a third slower, but right.
            options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            session = onnxruntime.InferenceSession(
                content,
                options,
                providers=[provider],
                provider_options=[self._part()],
                # Otherwise a device that fails, now or at any later picture, leaves the work to the
                # CPU, and only standard output is told, where results are.
                enable_fallback=0,
            )
        except Exception as err:
            raise ModelError(
                f"{self.model.path}: {MODEL_FILE} cannot be loaded: {one_line(err)}"
            ) from err
        if session.get_providers()[0] != provider:
            # It falls back to the CPU by itself, and without a word.
            raise DeviceUnusable(f"{provider} does not start here")
        self._session = session
        self._input_name = self._check_signature(session)
        self.library = f"onnxruntime-{onnxruntime.__version__}"
        self._try_blank_pictures()

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        if self._session is None:
            raise RuntimeError("OnnxClassifier is used before load()")
        tensor = to_tensor(images, self.model.tensor)
        (scores,) = self._session.run(None, {self._input_name: tensor})
        return to_probabilities(scores, self.model.output)

    def _part(self) -> dict[str, str]:
        return {"device_id": self._device.part} if self._device.part else {}

    def _check_signature(self, session: "onnxruntime.InferenceSession") -> str:
        """One input as described, one output; gives the input's name."""
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if (len(inputs), len(outputs)) != (1, 1):
            self._refuse(f"has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
        wanted = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[self.model.tensor.dtype]
        if inputs[0].type != wanted:
            self._refuse(f"takes {inputs[0].type}, not {wanted}")
        return str(inputs[0].name)

    def _try_blank_pictures(self) -> None:
        """Two at once: some networks take one alone, which a GPU's batches are not."""
        size = self.model.input.size
        blank = np.zeros((2, size, size, 3), dtype=np.uint8)
        try:
            answer = self.probabilities(blank)
        except Exception as err:
            raise ModelError(
                f"{self.model.path}: {MODEL_FILE} does not run as described: {one_line(err)}"
            ) from err
        if answer.shape != (2, self.model.class_count):
            self._refuse(f"answers with {answer.shape}, not (2, {self.model.class_count})")
        if not np.abs(answer.sum(axis=1) - 1).max() < _SUM_TOLERANCE:
            self._refuse(f"gives probabilities that sum to {answer[0].sum():.3f}, not 1")

    def _refuse(self, problem: str) -> NoReturn:
        raise ModelError(f"{self.model.path}: {MODEL_FILE} {problem}")
