"""Runs a model pack with OpenVINO on the CPU: an extra, faster where 8-bit instructions are."""

import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.classify.ranking import to_probabilities
from taskworker_classifyimage.classify.tensor import to_tensor
from taskworker_classifyimage.errors import DeviceUnusable, one_line
from taskworker_classifyimage.machine import usable_cores

if TYPE_CHECKING:
    import openvino

#: How far the two runtimes may differ on a blank picture; they round 8-bit steps differently.
_AGREEMENT: Final = 0.1


class OpenVinoClassifier:
    """A `Classifier` on OpenVINO; `load` before use.

    One picture at a time, by a request of the calling thread's own; each core has its stream.
    """

    device = "openvino"

    def __init__(self, pack: ModelPack) -> None:
        self.model = pack
        self.library = ""
        self._network: openvino.CompiledModel | None = None
        self._own = threading.local()

    @property
    def threads(self) -> int:
        """As many callers as streams."""
        return usable_cores()

    def load(self) -> None:
        """Verifies and loads the model and tries it on a blank picture.

        Raises:
            ModelError: the file is damaged or is no network as described.
            DeviceUnusable: OpenVINO is not installed or does not run the model as it should.
        """
        # Imported, OpenVINO calls its maker's statistics, unless this module is not there.
        sys.modules["openvino_telemetry"] = cast("ModuleType", None)
        try:
            import openvino  # noqa: PLC0415 - an extra
        except ImportError:
            raise DeviceUnusable(
                "install the extra: pip install 'taskworker-classifyimage[openvino]'"
            ) from None
        # ONNX Runtime refuses what has no place in a pack, such as weights in other files.
        reference = OnnxClassifier(self.model)
        reference.load()
        cores = usable_cores()
        try:
            core = openvino.Core()
            model = core.read_model(self.model.read_verified(), b"")
            model.reshape([1, *model.input().partial_shape[1:]])
            self._network = core.compile_model(
                model, "CPU", {"NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
            )
            self._check_against(reference)
        except RuntimeError as err:
            raise DeviceUnusable(one_line(err)) from err
        self.library = f"openvino-{openvino.__version__.partition('-')[0]}"

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        if self._network is None:
            raise RuntimeError("OpenVinoClassifier is used before load()")
        if not hasattr(self._own, "request"):
            self._own.request = self._network.create_infer_request()
        tensor = to_tensor(images, self.model.tensor)
        scores = np.concatenate([self._own.request.infer({0: each[None]})[0] for each in tensor])
        return to_probabilities(scores, self.model.output)

    def _check_against(self, reference: OnnxClassifier) -> None:
        size = self.model.input.size
        grey = np.full((1, size, size, 3), 127, dtype=np.uint8)
        difference = np.abs(self.probabilities(grey) - reference.probabilities(grey)).max()
        if difference > _AGREEMENT:
            raise DeviceUnusable(f"OpenVINO answers otherwise than ONNX Runtime, by {difference}")
