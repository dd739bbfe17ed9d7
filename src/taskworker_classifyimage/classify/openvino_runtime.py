"""Runs a model pack with OpenVINO: an extra, for Intel's GPUs and for its 8-bit instructions."""

import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from taskworker_classifyimage.classify.base import Images, Probabilities
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.ranking import to_probabilities
from taskworker_classifyimage.errors import DeviceUnusable, extra, one_line
from taskworker_classifyimage.machine import usable_cores

if TYPE_CHECKING:
    import openvino


class OpenVinoClassifier:
    """A `Classifier` on OpenVINO.

    Each thread that calls has its own inference request and runs one picture at a time; each core
    has its stream.
    """

    def __init__(
        self, pack: ModelPack, network: "openvino.CompiledModel", device: Device, library: str
    ) -> None:
        self.model = pack
        self.library = library
        self.device = str(device)
        self.threads: int = network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._network = network
        self._of_thread = threading.local()

    @classmethod
    def load(cls, pack: ModelPack, device: Device) -> Self:
        """Verifies and compiles a model. The caller compares its answers with the CPU's.

        Raises:
            ModelError: the file is damaged.
            DeviceUnusable: OpenVINO is not installed or does not run the model.
        """
        openvino = _import_openvino()
        part = device.part or "CPU"
        try:
            core = openvino.Core()
            if not is_there(part, core.available_devices):
                there = ", ".join(core.available_devices)
                raise DeviceUnusable(f"OpenVINO sees no {part} here, only {there}")
            # A pack that must be refused, such as one with weights in other files, was refused when
            # it was loaded on the CPU.
            model = core.read_model(pack.read_verified(), b"")
            model.reshape([1, *model.input().partial_shape[1:]])
            network = core.compile_model(model, part, _options(part))
        except RuntimeError as err:
            raise DeviceUnusable(one_line(err)) from err
        library = f"openvino-{openvino.__version__.partition('-')[0]}"
        return cls(pack, network, device, library)

    def probabilities(self, images: Images) -> Probabilities:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._network.create_infer_request()
        infer = self._of_thread.request.infer
        tensor = self.model.tensor.convert(images)
        scores = np.concatenate([infer({0: picture[None]})[0] for picture in tensor])
        return to_probabilities(scores, self.model.output, self.model.temperature)


def _import_openvino() -> Any:
    # When imported, OpenVINO reports usage to its maker, unless this module is missing.
    sys.modules["openvino_telemetry"] = cast("ModuleType", None)
    try:
        import openvino  # noqa: PLC0415 - an extra
    except ImportError:
        raise DeviceUnusable(f"install the extra: {extra('openvino')}") from None
    return openvino


def _options(part: str) -> dict[str, object]:
    if part != "CPU":
        return {"PERFORMANCE_HINT": "THROUGHPUT"}
    return {
        "NUM_STREAMS": usable_cores(),
        "INFERENCE_NUM_THREADS": usable_cores(),
        # By default OpenVINO computes in bfloat16 or float16 where the processor can, and quantises
        # some activations: the answers would differ from one machine to the next.
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
    }


def is_there(part: str, available: Sequence[str]) -> bool:
    """Whether OpenVINO has a device of that name: where there are several, "GPU" is "GPU.0".

    https://docs.openvino.ai/2024/openvino-workflow/running-inference/inference-devices-and-modes/gpu-device.html
    """
    return part in available or f"{part}.0" in available
