"""Programs of this project run as a user runs them: as processes, with real signals."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from support.api import Api
from support.waiting import LONG_S

ROOT = Path(__file__).parents[2]

#: The command as `pip` installs it, whatever the PATH.
COMMAND = (sys.executable, "-m", "taskworker_classifyimage")
#: The original's command line.
ORIGINAL = (sys.executable, str(ROOT / "classifyimage.py"))

#: Settings that a developer's shell may have and no test wants.
_OWN_NAMES = ("taskbridgeurl", "taskbridgeauth", "worker", "device", "model", "bridgetoken")

#: For pip: no source is compiled before it is used, which saves seconds of each installation; pip
#: reads this variable the wrong way round.
NOT_COMPILED = {"PIP_NO_COMPILE": "0"}

#: Where workers keep what outlives them, instead of the developer's home.
_STATE = tempfile.TemporaryDirectory(prefix="classifyimage-state-")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no connection is given by chance."""
    while True:
        # Not `random`: tests side by side that seed it alike would be given the same port.
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def clean_environment(**more: str) -> dict[str, str]:
    kept = {
        name: text
        for name, text in os.environ.items()
        if name.lower() not in _OWN_NAMES and not name.startswith("TASKWORKER_")
    }
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "error",
        "STATE_DIRECTORY": _STATE.name,
        **more,
    }


def run_command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=clean_environment(**environ),
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


class Program:
    """`taskworker-classifyimage ARGUMENTS` in a process of its own; what it prints is kept."""

    def __init__(
        self,
        *arguments: str,
        command: Sequence[str] = COMMAND,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [*command, *arguments]
        self._environ = clean_environment(**(environ or {}))
        self._printed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            env=self._environ,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(LONG_S)
        # Whoever it started has the pipe too, and is to end with it.
        assert not self._reader.is_alive(), f"a process outlives {self._command}:\n{self.printed}"
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def printed(self) -> str:
        """Everything it printed so far, log included."""
        return "".join(self._printed)

    def wait_for(self, text: str, timeout_s: float = LONG_S) -> None:
        """Waits until it has printed a text."""
        deadline_s = time.monotonic() + timeout_s
        while text not in self.printed:
            assert self.process.poll() is None, f"ended before {text!r}:\n{self.printed}"
            assert time.monotonic() < deadline_s, f"{text!r} never came:\n{self.printed}"
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = LONG_S) -> int:
        """Sends a signal and gives the exit code."""
        self.process.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = LONG_S) -> int:
        """Waits until it has ended and all that it printed is here; gives the exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self._printed.extend(iter(self.process.stdout.readline, ""))


def bridge(data: Path, port: int) -> Program:
    """The embedded bridge alone."""
    return Program("bridge", "--bridge-port", str(port), "--bridge-data", str(data))


def worker(url: str, name: str = "test-worker", *flags: str) -> Program:
    """The worker alone."""
    return Program("work", "--taskbridgeurl", url, "--worker", name, *flags)


@dataclass
class RunningBridge:
    """An embedded bridge that answers, and the folder of its tasks and files."""

    api: Api
    url: str
    data: Path
