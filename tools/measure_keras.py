"""Measures every network of Keras on this machine, each in a process of its own.

    python tools/measure_keras.py [NAME...]

Weights are random and nothing is downloaded: the time does not depend on their values. Prints the
rows of the table in docs/keras.md. Times are processor time, which leaves other programs out.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_import import import_tensorflow
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.machine import peak_memory_bytes

#: Processor time for each network.
_MEASURED_S = 5.0


def main() -> None:
    """Prints one row for each network."""
    if sys.argv[1:2] == ["--here"]:
        print(_measure(sys.argv[2]), flush=True)
        return
    for name in sys.argv[1:] or keras_networks():
        subprocess.run([sys.executable, __file__, "--here", name], check=True)


def _measure(name: str) -> str:
    network = keras_networks()[name]
    _, keras = import_tensorflow()
    side = network.size
    with tempfile.TemporaryDirectory() as folder:
        random = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
        random.save_weights(Path(folder) / f"{name}.weights.h5")
        parameters = random.count_params()
        del random
        start_s = time.process_time()
        classifier = load_classifier(name, options=ModelOptions(Path(folder), offline=True))
        load_s = time.process_time() - start_s
    picture = np.random.default_rng(1).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    assert classifier.probabilities(picture).shape == (1, 1000)
    count, start_s = 0, time.process_time()
    while (spent_s := time.process_time() - start_s) < _MEASURED_S:
        classifier.probabilities(picture)
        count += 1
    memory = peak_memory_bytes()
    return (
        f"| {name} | {side} x {side} | {parameters / 1e6:.1f} M | {network.published_top1:.1%} | "
        f"{load_s:.1f} s | {spent_s / count * 1000:.0f} ms | "
        f"{'?' if memory is None else f'{memory / 1e9:.1f} GB'} |"
    )


if __name__ == "__main__":
    main()
