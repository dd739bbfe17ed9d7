"""What one run of run.py measures with, and how the programs are started."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.bridges import Bridge
from harness.pictures import Pictures
from harness.processes import Program

HERE = Path(__file__).parents[1]
_MODELS = HERE.parent / "src" / "taskworker_classifyimage" / "data" / "models"
WORKER_NAME = "benchmark"


@dataclass(frozen=True)
class Bench:
    """The command line, settled.

    Attributes:
        count: pictures in each measurement.
        rounds: how often each measurement is repeated, all others in between.
        bridges: the embedded one first.
        original_python: a Python with TensorFlow; "" leaves the original out.
        peers_python: a Python with mosec and LitServe; "" leaves them out.
        worker_flags: more flags for the worker.
        options: everything, with the flags of one scenario alone.
    """

    pictures: Pictures
    count: int
    rounds: int
    models: tuple[str, ...]
    bridges: tuple[Bridge, ...]
    worker_python: str
    original_python: str
    peers_python: str
    worker_flags: tuple[str, ...]
    options: argparse.Namespace

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder for what one measurement writes."""
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
            yield Path(name)

    def worker(self, url: str, model: str, folder: Path) -> Program:
        """This project's worker."""
        command = [self.worker_python, "-m", "taskworker_classifyimage", "work"]
        command += ["--taskbridgeurl", url, "--worker", WORKER_NAME, "--model", model]
        return Program([*command, *self.worker_flags], folder / "worker.log")

    def worker_in_process(self, url: str, model: str, folder: Path) -> Program:
        """The worker with pictures decoded in its own process."""
        script = str(HERE / "contenders" / "worker_in_process.py")
        command = [self.worker_python, script, "--taskbridgeurl", url, "--worker", WORKER_NAME]
        command += ["--model", model, *self.worker_flags]
        return Program(command, folder / "worker.log")

    def original(self, url: str, folder: Path) -> Program:
        """The serial worker that does what the original does."""
        script = str(HERE / "contenders" / "original.py")
        command = [self.original_python, script, "--taskbridgeurl", url, "--worker", WORKER_NAME]
        return Program(command, folder / "original.log")

    def limit(self, model: str, pictures: Path, folder: Path) -> Program:
        """The bare loop; it ends by itself."""
        script = str(HERE / "contenders" / "limit.py")
        command = [self.worker_python, script, "--model", model, "--pictures", str(pictures)]
        return Program([*command, "--threads", str(cores())], folder / "limit.log")

    def peer(self, server: str, decoder: str, model: str, port: int, folder: Path) -> Program:
        """A serving framework ("mosec" or "litserve") with one process a core."""
        script = str(HERE / "contenders" / f"{server}_server.py")
        environ = {
            "BENCH_MODEL_FOLDER": str(_MODELS / model),
            "BENCH_DECODER": decoder,
            "BENCH_WORKERS": str(cores()),
            "BENCH_PORT": str(port),
        }
        return Program([self.peers_python, script], folder / f"{server}.log", environ)


def cores() -> int:
    """Cores that this process may use; every contender inherits the same ones."""
    return len(os.sched_getaffinity(0))
