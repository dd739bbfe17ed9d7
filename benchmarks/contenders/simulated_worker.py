"""The worker on a machine with more cores than this one has, by simulation.

Takes the flags of `taskworker-classifyimage work`, and --simulated-cores N --infer-ms MS; with
--workers N, so many workers share the cores. The worker is the real one: its event loop, its
threads, its decoder processes, what it sends to them and gets from them. Only decoding and
inference are replaced, by waiting: each for a fixed time, while it has one of the simulated cores.
"""

import argparse
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from taskworker_classifyimage.classify import loader
from taskworker_classifyimage.classify.base import Classifier, Images, Probabilities
from taskworker_classifyimage.cli import main
from taskworker_classifyimage.commands import local_engine
from taskworker_classifyimage.decode import Decoded
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher

_MEMORY_BYTES = 2**29


class SimulatedClassifier:
    """A network that takes a fixed time on one core."""

    def __init__(self, like: Classifier, cores: "Cores", infer_s: float) -> None:
        self.model, self.library, self.device = like.model, like.library, like.device
        self.threads = cores.count
        self._cores, self._infer_s = cores, infer_s
        self._answer = np.full((1, like.model.class_count), 1 / like.model.class_count)

    def probabilities(self, images: Images) -> Probabilities:
        """Waits; every class is equally probable."""
        with self._cores.one:
            time.sleep(self._infer_s * len(images))
        return self._answer.repeat(len(images), axis=0)


class SimulatedPool(DecoderPool):
    """Real decoder processes, which wait instead of decoding."""

    def __init__(self, cores: "Cores") -> None:
        limits = ProcessLimits(60.0, _MEMORY_BYTES)
        launcher = choose_launcher(limits, "simulated_decode:decode")
        super().__init__(launcher, processes=cores.count)
        self._cores = cores

    def decode(self, *arguments: Any, **more: Any) -> Decoded:
        """Decodes while it has a core."""
        with self._cores.one:
            return super().decode(*arguments, **more)


class Cores:
    """The simulated cores.

    Attributes:
        count: how many there are.
        one: held by whatever uses one of them.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.one = threading.BoundedSemaphore(count)


def replace_parts(cores: Cores, infer_s: float) -> None:
    """Puts the stand-ins in their places."""

    def load(names: Sequence[str], *_: object) -> list[SimulatedClassifier]:
        return [SimulatedClassifier(loader.load_classifier(names[0]), cores, infer_s)]

    local_engine.decoder_pool = lambda _decoding: SimulatedPool(cores)
    loader.load_classifiers = load


def run_team(count: int, cores: int, worker: str, flags: Sequence[str]) -> int:
    """Runs several workers that share the cores, until a signal ends them."""
    each = ["--simulated-cores", str(cores // count), *flags]
    commands = [
        [sys.executable, __file__, *each, "--worker", f"{worker}-{number}"]
        for number in range(count)
    ]
    team = [subprocess.Popen(command) for command in commands]
    signal.signal(signal.SIGTERM, lambda *_: [each.terminate() for each in team])
    return max(each.wait() for each in team)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--simulated-cores", type=int, required=True)
    parser.add_argument("--infer-ms", type=float, required=True)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--workers", type=int, default=1)
    options, flags = parser.parse_known_args()
    if options.workers > 1:
        more = ["--infer-ms", str(options.infer_ms), *flags]
        sys.exit(run_team(options.workers, options.simulated_cores, options.worker, more))
    replace_parts(Cores(options.simulated_cores), options.infer_ms / 1000)
    sys.exit(main(["work", "--worker", options.worker, *flags]))
