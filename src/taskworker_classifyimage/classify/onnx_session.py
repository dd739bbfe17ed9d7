"""How ONNX Runtime is loaded, and how it reads a file: as data and nothing else."""

import os
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import onnxruntime


def import_onnxruntime() -> ModuleType:
    """ONNX Runtime, kept from calling its maker."""
    # From 1.29 on it sends usage data to its maker unless this is set before it is loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415 - a heavy import that only a loaded model needs

    return cast("ModuleType", onnxruntime)


def session_options() -> "onnxruntime.SessionOptions":
    """For one inference a thread, of a file that is data and nothing else."""
    options = import_onnxruntime().SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Weights in other files would escape the checksum; below this there can be none.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", f"{os.devnull}/none"
    )
    # ONNX Runtime's own format is read with fewer checks.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options
