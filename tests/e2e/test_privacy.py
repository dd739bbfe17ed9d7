import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.programs import COMMAND, Program, clean_environment
from support.ray_cluster import need
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


@pytest.mark.large
@pytest.mark.skipif(sys.platform != "linux", reason="asks for the sockets of others' processes")
def test_a_ray_cluster_of_this_machine_is_seen_by_nobody(tmp_path: Path) -> None:
    """It listens on loopback, reports to nobody, keeps calls out, and leaves no token or log."""
    need("ray", "pandas", "pyarrow")
    home, rows = tmp_path / "home", tmp_path / "rows"
    home.mkdir()
    environ = {"HOME": str(home), "model": "EfficientNetLite0", "PYTHONWARNINGS": "default"}
    command = ("classify", "--engine", "ray", f"--output={rows}", os.fspath(SAMPLE))
    with Program(*command, environ=environ) as driver:
        driver.wait_for("1 actor of ")
        processes = psutil.Process(driver.process.pid).children(recursive=True)
        heard, settings = set(), {}
        for process in [psutil.Process(driver.process.pid), *processes]:
            with contextlib.suppress(psutil.NoSuchProcess):
                for each in process.net_connections("inet"):
                    heard |= {each.laddr.ip} if each.status == psutil.CONN_LISTEN else set()
                if (name := process.name()) in ("gcs_server", "raylet"):
                    kept = process.environ()
                    settings[name] = (kept["RAY_USAGE_STATS_ENABLED"], kept["RAY_AUTH_MODE"])
        [session] = Path("/tmp").glob(f"ray-*/*/session_*_{driver.process.pid}")
        assert stat.S_IMODE(session.parents[1].stat().st_mode) == 0o700
        assert driver.process.wait(300) == 0, driver.printed
    assert heard <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert heard
    assert settings == {"gcs_server": ("0", "token"), "raylet": ("0", "token")}
    assert list(home.rglob("*")) == []
    assert not session.parents[1].exists()
    assert [each.name for each in rows.glob("part-*")] == ["part-00000000.parquet"]
