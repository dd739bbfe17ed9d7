"""Runs a model pack with OpenVINO: an extra, for Intel's GPUs and for its 8-bit instructions."""

import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.ranking import to_probabilities
from taskworker_classifyimage.classify.tensor import to_tensor
from taskworker_classifyimage.errors import DeviceUnusable, extra, one_line
from taskworker_classifyimage.machine import usable_cores

if TYPE_CHECKING:
    import openvino


class OpenVinoClassifier:
    """A `Classifier` on OpenVINO; `load` before use.

    One picture at a time, by a request of the calling thread's own; each core has its stream.
    """

    def __init__(self, pack: ModelPack, device: Device) -> None:
        self.model = pack
        self._device = device
        self._streams = usable_cores()
        self.library = ""
        self._network: openvino.CompiledModel | None = None
        self._own = threading.local()

    @property
    def device(self) -> str:
        """As it was asked for: "openvino", or "openvino:GPU"."""
        return str(self._device)

    @property
    def threads(self) -> int:
        """As many callers as streams."""
        return self._streams

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
            raise DeviceUnusable(f"install the extra: {extra('openvino')}") from None
        # What has no place in a pack, such as weights in other files, was refused on the CPU.
        part = self._device.part or "CPU"
        try:
            core = openvino.Core()
            if not is_there(part, core.available_devices):
                there = ", ".join(core.available_devices)
                raise DeviceUnusable(f"OpenVINO sees no {part} here, only {there}")
            model = core.read_model(self.model.read_verified(), b"")
            model.reshape([1, *model.input().partial_shape[1:]])
            self._network = core.compile_model(model, part, self._options(part))
            self._streams = self._network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
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

    def _options(self, part: str) -> dict[str, object]:
        if part == "CPU":
            return {
                "NUM_STREAMS": self._streams,
                "INFERENCE_NUM_THREADS": self._streams,
                # By default OpenVINO computes in bfloat16 or float16 where the processor can, and
                # quantises some activations: the answers would differ from one machine to the next.
                "INFERENCE_PRECISION_HINT": "f32",
                "EXECUTION_MODE_HINT": "ACCURACY",
            }
        return {"PERFORMANCE_HINT": "THROUGHPUT"}


def is_there(part: str, available: Sequence[str]) -> bool:
    """Whether OpenVINO knows a device by that name: where there are several, "GPU" is "GPU.0".

    https://docs.openvino.ai/2024/openvino-workflow/running-inference/inference-devices-and-modes/gpu-device.html
    """
    return part in available or f"{part}.0" in available
