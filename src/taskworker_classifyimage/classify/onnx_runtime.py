"""Runs a model pack with ONNX Runtime, on the CPU or on a GPU."""

import contextlib
import io
import os
from types import ModuleType
from typing import TYPE_CHECKING, Final, Self, cast

from taskworker_classifyimage.classify.base import Images, Probabilities
from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.classify.model_pack import MODEL_FILE, ModelPack
from taskworker_classifyimage.classify.ranking import to_probabilities
from taskworker_classifyimage.classify.warm_up import try_blank_pictures
from taskworker_classifyimage.errors import DeviceMissing, DeviceUnusable, ModelError, one_line
from taskworker_classifyimage.machine import trim_memory, usable_cores

if TYPE_CHECKING:
    import onnxruntime

_PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
#: The wheels that have a provider, where it is not the ordinary one.
_WHEELS: Final = {"cuda": "onnxruntime-gpu[cuda,cudnn]", "directml": "onnxruntime-directml"}
_INPUT_TYPES: Final = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}


class OnnxClassifier:
    """A `Classifier` on ONNX Runtime.

    On the CPU each call runs on the thread that makes it: one inference per core is faster than one
    inference on all cores, and no thread spins when there is nothing to do. Other devices take one
    call at a time.
    """

    def __init__(
        self, pack: ModelPack, session: "onnxruntime.InferenceSession", device: Device
    ) -> None:
        self.model = pack
        self.library = f"onnxruntime-{import_onnxruntime().__version__}"
        self.device = str(device)
        self.threads = usable_cores()
        self._session = session
        self._input_name: str = session.get_inputs()[0].name

    @classmethod
    def load(cls, pack: ModelPack, device: Device = CPU) -> Self:
        """Verifies and loads a model and tries it on blank pictures.

        Raises:
            ModelError: the file is damaged or is not a network as described.
            DeviceUnusable: the device is not there or does not run the model.
        """
        subject = f"{pack.path}: {MODEL_FILE}"
        session = _open_session(pack, device, subject)
        _check_signature(session, pack, subject)
        classifier = cls(pack, session, device)
        # Two, because some networks take only one, and a GPU is given batches.
        try_blank_pictures(classifier, 2, subject)
        # Reading a network leaves as much free memory behind as it has weights.
        trim_memory()
        return classifier

    def probabilities(self, images: Images) -> Probabilities:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        tensor = self.model.tensor.convert(images)
        (scores,) = self._session.run(None, {self._input_name: tensor})
        return to_probabilities(scores, self.model.output, self.model.temperature)


def import_onnxruntime() -> ModuleType:
    """Imports ONNX Runtime with its telemetry switched off."""
    # From 1.29 on it sends usage data to its maker unless this is set before it is loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415 - a heavy import that only a loaded model needs

    return cast("ModuleType", onnxruntime)


def load_cuda() -> None:
    """Loads CUDA and cuDNN from NVIDIA's wheels, where the system's linker does not look."""
    onnxruntime = import_onnxruntime()
    if not hasattr(onnxruntime, "preload_dlls"):  # before 1.21
        return
    # It prints what it misses, among the results; why the device does not start comes later.
    with contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()


def session_options() -> "onnxruntime.SessionOptions":
    """The options that run one inference per thread, and read a file only as data."""
    options = import_onnxruntime().SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Errors come as exceptions; as lines on standard error they would come twice.
    options.log_severity_level = 4
    # Weights in other files would escape the checksum; this path cannot have any below it.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", f"{os.devnull}/none"
    )
    # ONNX Runtime's own format is read with fewer checks.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _open_session(pack: ModelPack, device: Device, subject: str) -> "onnxruntime.InferenceSession":
    onnxruntime = import_onnxruntime()
    content = pack.read_verified()
    provider = _PROVIDERS[device.kind]
    if provider not in onnxruntime.get_available_providers():
        wheel = _WHEELS.get(device.kind)
        advice = f"; install {wheel} in its place" if wheel else ""
        raise DeviceMissing(f"this onnxruntime has no {provider}{advice}")
    options = session_options()
    if device.kind == "cuda":
        load_cuda()
    if device.kind in ("cpu", "directml"):
        # On the CPU it saves no time, and each thread takes twice the memory. DirectML does not
        # support it (ONNX Runtime's documentation).
        options.enable_mem_pattern = False
    if not pack.saturation_safe:
        # Makes signed weights unsigned where sums could saturate: a third slower, but right.
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        session = onnxruntime.InferenceSession(
            content,
            options,
            providers=[provider],
            provider_options=[{"device_id": device.part} if device.part else {}],
            # Otherwise, when a device fails now or later, the CPU takes over, and only a line on
            # standard output, among the results, says so.
            enable_fallback=0,
        )
    except Exception as err:
        raise ModelError(f"{subject} cannot be loaded: {one_line(err)}") from err
    if session.get_providers()[0] != provider:
        # ONNX Runtime has silently fallen back to the CPU.
        raise DeviceUnusable(f"{provider} does not start here")
    # It keeps the file, to open it again when it falls back.
    session._model_bytes = None  # noqa: SLF001 - there is no other way
    return session


def _check_signature(
    session: "onnxruntime.InferenceSession", pack: ModelPack, subject: str
) -> None:
    """Refuses a network without exactly one input, of the described type, and one output."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if (len(inputs), len(outputs)) != (1, 1):
        raise ModelError(
            f"{subject} has {len(inputs)} inputs and {len(outputs)} outputs, not one of each"
        )
    expected = _INPUT_TYPES[pack.tensor.dtype]
    if inputs[0].type != expected:
        raise ModelError(f"{subject} takes {inputs[0].type}, not {expected}")
