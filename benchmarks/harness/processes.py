"""Programs under measurement: their CPU and memory, children included, and a sure end."""

import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

#: Settings that the shell may have and no measurement wants.
_OWN_NAMES = ("taskbridgeurl", "worker", "device", "model")
_STOP_S = 20.0
_SAMPLE_S = 0.25
MB = 1_000_000


class MeasurementFailed(Exception):
    """A contender did not do what it is there for; the text says what it printed."""


@dataclass(frozen=True)
class Memory:
    """Memory of a process tree at one moment; `pss` shares out what processes share."""

    pss_mb: float
    rss_mb: float


class Program:
    """A command in a process group of its own; what it prints goes to a file.

    Attributes:
        started_at_s: `time.time()` just before the process was made.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._command = list(command)
        self._environ = {k: v for k, v in os.environ.items() if k.lower() not in _OWN_NAMES}
        self._environ |= environ or {}
        self.log = log
        self.started_at_s = 0.0
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.started_at_s = time.time()
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        # Some servers leave children behind; the group is this program's alone.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def check(self) -> None:
        """Raises `MeasurementFailed` if it has ended."""
        code = self._process.poll()
        if code is not None:
            printed = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise MeasurementFailed(f"{self._command} ended with {code}:\n{printed}")

    def wait(self, timeout_s: float) -> str:
        """Waits until it ends by itself; gives what it printed.

        Raises:
            MeasurementFailed: it failed or took too long.
        """
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise MeasurementFailed(f"{self._command} takes over {timeout_s} s") from None
        if code != 0:
            self.check()
        return self.log.read_text(encoding="utf-8", errors="replace")

    def cpu_s(self) -> float:
        """CPU seconds of the tree so far, ended children included."""
        total_s = 0.0
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                total_s += sum(process.cpu_times()[:4])
        return total_s

    def own_cpu_s(self) -> float:
        """CPU seconds of the process alone so far."""
        with contextlib.suppress(psutil.Error):
            return float(sum(psutil.Process(self._process.pid).cpu_times()[:2]))
        return 0.0

    def memory(self) -> Memory:
        """Memory of the tree now."""
        pss = rss = 0
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                info = process.memory_full_info()
                pss, rss = pss + info.pss, rss + info.rss
        return Memory(pss / MB, rss / MB)

    def grandchildren(self) -> list[psutil.Process]:
        """The processes that its children have started."""
        root = psutil.Process(self._process.pid)
        return [each for child in root.children() for each in child.children()]

    def _tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._process.pid)
            return [root, *root.children(recursive=True)]
        return []


class MemoryWatch:
    """Looks at a program's memory four times a second and keeps the peak."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.peak = Memory(0.0, 0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(_SAMPLE_S):
            now = self._program.memory()
            self.peak = Memory(max(self.peak.pss_mb, now.pss_mb), max(self.peak.rss_mb, now.rss_mb))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no connection is given by chance."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
