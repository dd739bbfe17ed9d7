"""`--device auto` on the CPU: which runtime is faster for a model, as an earlier start measured it.

There is one file for each model, processor and version of the runtimes; what changes is measured
anew. As a program, this module measures a model and writes such a file:

    python -m taskworker_classifyimage.classify.runtimes MODEL FILE
"""

import hashlib
import importlib.metadata
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from taskworker_classifyimage.atomic_file import write_atomically
from taskworker_classifyimage.classify.base import Classifier, Images
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.machine import processor_flags, processor_name

#: OpenVINO rounds 8-bit networks differently, so it has to be worth it.
_CLEARLY: Final = 1.15
_ROUNDS: Final = 20
#: Inferences a round: clocks of CPU time may have steps of some milliseconds.
_TOGETHER: Final = 3
_MOST_BYTES: Final = 1000


@dataclass(frozen=True, slots=True)
class Speeds:
    """What inferring one picture took on one core, in ms of CPU time."""

    onnxruntime_ms: float
    openvino_ms: float

    @property
    def favour_openvino(self) -> bool:
        """Whether OpenVINO was clearly faster."""
        return self.onnxruntime_ms > _CLEARLY * self.openvino_ms

    def __str__(self) -> str:
        return (
            f"{self.onnxruntime_ms:.1f} ms with ONNX Runtime, {self.openvino_ms:.1f} with OpenVINO"
        )


def speeds_file(folder: Path, model: ModelPack, onnxruntime: str) -> Path | None:
    """Where a model's speeds are kept.

    Args:
        folder: of all such files; need not exist.
        model: the model.
        onnxruntime: its name and version.

    Returns:
        None if OpenVINO is not installed: then there is no choice.
    """
    try:
        openvino = importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        return None
    flags = sorted(processor_flags())
    measured = [model.sha256, onnxruntime, openvino, processor_name(), flags]
    return folder / f"{hashlib.sha256(json.dumps(measured).encode()).hexdigest()[:32]}.json"


def read_speeds(file: Path) -> Speeds | None:
    """What was measured; None if nothing was, or if the file is no such one."""
    try:
        with file.open("rb") as opened:
            table = json.loads(opened.read(_MOST_BYTES))
        speeds = Speeds(float(table["onnxruntime_ms"]), float(table["openvino_ms"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # Written so that NaN is refused, too.
    return speeds if min(speeds.onnxruntime_ms, speeds.openvino_ms) > 0 else None


def write_speeds(file: Path, speeds: Speeds) -> None:
    """Keeps what was measured; raises `OSError` if it cannot."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(file, json.dumps(asdict(speeds)).encode())


def measure(onnxruntime: Classifier, openvino: Classifier) -> Speeds:
    """Measures both in turns, so that whatever else the machine does hits both alike."""
    size = onnxruntime.model.input.size
    noise = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    times = [(_cpu_ms(onnxruntime, noise), _cpu_ms(openvino, noise)) for _ in range(1 + _ROUNDS)]
    # The first round prepares what is needed once.
    return Speeds(*map(statistics.median, zip(*times[1:], strict=True)))


def _cpu_ms(classifier: Classifier, images: Images) -> float:
    start_s = time.process_time()
    for _ in range(_TOGETHER):
        classifier.probabilities(images)
    return (time.process_time() - start_s) / _TOGETHER * 1000


def main(model: str, file: str) -> None:
    """Measures a model and writes the file.

    A device that cannot be used is written as endlessly slow, so that it is not tried again.
    """
    from taskworker_classifyimage.classify.device import Device  # noqa: PLC0415 - see `loader`
    from taskworker_classifyimage.classify.loader import load_classifier  # noqa: PLC0415 - it imports this

    on_cpu, other = load_classifier(model), load_classifier(model, Device("openvino"))
    speeds = measure(on_cpu, other)
    if other.device == on_cpu.device:
        speeds = Speeds(speeds.onnxruntime_ms, sys.float_info.max)
    write_speeds(Path(file), speeds)


if __name__ == "__main__":
    main(*sys.argv[1:])
