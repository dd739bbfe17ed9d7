import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.certificates import Authority, self_signed
from support.gateways import TlsFront
from support.photos import ESPRESSO
from support.programs import Program, RunningBridge, worker
from support.same_process import RunHere

PASSWORD = "0pen sesame: ünd so weiter"
TOKEN = "mF_9.B5f-4.1JqM-s3cr3t"
BASIC = "Basic " + base64.b64encode(f"lab:{PASSWORD}".encode()).decode()

#: The fastest built-in model, and one process that decodes.
LIGHT = ("--model", "EfficientNetLite0", "--decoder-processes", "1")


@contextmanager
def front(bridge: RunningBridge, folder: Path, authorization: str) -> Iterator[TlsFront]:
    with TlsFront(bridge.url, authorization, Authority(folder).server()) as running:
        yield running


def assert_silent(program: Program) -> None:
    """Checks that a program has logged something and no secret."""
    assert "DEBUG" in program.printed
    for secret in (PASSWORD, "sesame", TOKEN, BASIC.partition(" ")[2]):
        assert secret not in program.printed


def test_a_worker_keeps_its_password_to_itself(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Own CA, password from a file: tasks are done, refusals are retried, no log line shows it."""
    (tmp_path / "auth").write_text(f"lab:{PASSWORD}\n", encoding="utf-8")
    files = ("--auth-file", str(tmp_path / "auth"), "--ca-file", str(tmp_path / "ca.pem"))
    with (
        front(running_bridge, tmp_path, BASIC) as gate,
        worker(gate.url, "w", "--log-level", "debug", *files, *LIGHT) as program,
    ):
        running_bridge.api.wait_for_result(running_bridge.api.add({}, ESPRESSO))
        gate.authorization = "Basic other"
        program.wait_for("refuses us (401)")
        task_id = running_bridge.api.add({}, b"no picture")
        gate.authorization = BASIC
        program.wait_for("is back")
        assert running_bridge.api.wait_for_result(task_id)["code"] == "unsupported_format"
        assert program.stop() == 0
        assert_silent(program)
        assert "Traceback" not in program.printed


def test_a_token_comes_from_the_environment(running_bridge: RunningBridge, tmp_path: Path) -> None:
    """With a pinned self-signed certificate; also when the bridge is down."""
    context, sha256 = self_signed(tmp_path)
    flags = ("work", "--worker", "w", "--log-level", "debug", "--pin-sha256", sha256, *LIGHT)
    with TlsFront(running_bridge.url, f"Bearer {TOKEN}", context) as gate:
        environ = {"taskbridgeauth": f"Bearer {TOKEN}", "taskbridgeurl": gate.url}
        with Program(*flags, environ=environ) as program:
            running_bridge.api.wait_for_result(running_bridge.api.add({}, ESPRESSO))
            program.kill()
            assert_silent(program)
    with Program(*flags, environ=environ) as program:
        program.wait_for("is unavailable")
        program.kill()
        assert TOKEN not in program.printed


def test_doctor_says_what_is_wrong_with_the_access(
    running_bridge: RunningBridge, tmp_path: Path, run_here: RunHere
) -> None:
    """No CA, no password, and a clear warning about --insecure."""
    with front(running_bridge, tmp_path, BASIC) as gate:
        assert (
            "certificate is not trusted" in run_here("doctor", "--taskbridgeurl", gate.url).stdout
        )
        assert (
            "(401)"
            in run_here(
                "doctor", "--taskbridgeurl", gate.url, "--ca-file", str(tmp_path / "ca.pem")
            ).stdout
        )
        ended = run_here(
            "doctor", "--taskbridgeurl", gate.url, "--insecure", taskbridgeauth=f"lab:{PASSWORD}"
        )
        assert ended.returncode == 0
        assert "NOT CHECKED" in ended.stderr
        assert "sesame" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("flag", ["--ca-file", "--pin-sha256", "--auth-file"])
def test_wrong_access_settings_are_one_line(flag: str, tmp_path: Path, run_here: RunHere) -> None:
    """The program ends with exit code 2 before it calls anything."""
    (tmp_path / "auth").write_text("s3cr3t")
    values = {
        "--ca-file": os.fspath(tmp_path / "missing.pem"),
        "--pin-sha256": hashlib.md5(b"").hexdigest(),
        "--auth-file": os.fspath(tmp_path / "auth"),
    }
    ended = run_here("work", "--taskbridgeurl", "https://lab.example/", flag, values[flag])
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert flag.removeprefix("--") in ended.stderr
    assert "s3cr3t" not in ended.stderr
