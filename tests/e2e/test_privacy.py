import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.programs import COMMAND, clean_environment
from taskworker_classifyimage.sample import SAMPLE

#: Its presence alone makes ONNX Runtime keep still, so a test with it would prove nothing.
_SILENCING = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED", "ORT_RUNNING_UNIT_TESTS")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps users' data elsewhere")
@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_classifying_leaves_no_trace_of_telemetry(tmp_path: Path, device: str) -> None:
    """ONNX Runtime sends usage data unless told not to; its first step is a device id in the home.

    No picture's name or network's shape may leave an examiner's machine.
    """
    environ = clean_environment(HOME=str(tmp_path))
    for name in (*_SILENCING, "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        environ.pop(name, None)
    flags = ("--device", device, "--model", "EfficientNetLite0", "--decoder-processes", "1")
    command = [*COMMAND, "classify", *flags, os.fspath(SAMPLE)]
    subprocess.run(command, env=environ, check=True)
    assert list(tmp_path.rglob("*")) == []
