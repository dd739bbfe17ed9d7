"""The units of systemd: it accepts them, and their commands start and tell that they are ready."""

import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.programs import COMMAND, ROOT, Program, free_port
from support.waiting import LONG_S

UNITS = sorted((ROOT / "deploy").glob("*.service"))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is for Linux")


def command_of(unit: Path) -> list[str]:
    found = re.search(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return shlex.split(found[1])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    python = command_of(unit)[0]
    text = unit.read_text(encoding="utf-8").replace(python, sys.executable)
    (tmp_path / unit.name).write_text(text, encoding="utf-8")
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert unit.name not in ended.stderr
    assert ended.returncode == 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_its_command_starts_and_tells_that_it_is_ready(unit: Path, tmp_path: Path) -> None:
    port = str(free_port())
    command = [part.replace("%S", str(tmp_path)).replace("%H", "h") for part in command_of(unit)]
    assert command[1:3] == list(COMMAND[1:])
    arguments = [part.replace("42000", port) for part in command[3:]]
    if arguments[0] == "bridge":
        arguments += ["--bridge-port", port]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(LONG_S)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "STATE_DIRECTORY": str(tmp_path)}
        with Program(*arguments, environ=environ) as program:
            assert systemd.recv(1000) == b"READY=1\n"
            assert b"WATCHDOG=1" in systemd.recv(1000)
            assert program.stop() == 0
