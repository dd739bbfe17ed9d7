"""The bare loop: decode and infer on all cores, pictures from memory, no network and no tasks.

Nothing that decodes and infers with the same code can be faster; the others are compared with it.
"""

import argparse
import itertools
import json
import os
import resource
import threading
import time
from pathlib import Path

import numpy as np

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.decode import DecodeLimits, decode

_WARM_UP = 10


def main() -> None:
    """Prints one line of JSON: how many pictures, how long, how much CPU, how long each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    pictures = [path.read_bytes() for path in sorted(arguments.pictures.iterdir())]
    classifier = load_classifier(arguments.model)
    _run(classifier, pictures[:_WARM_UP], arguments.threads)
    cpu_before_s, begin_s = _cpu_s(), time.perf_counter()
    latencies_s = _run(classifier, pictures, arguments.threads)
    measured = {
        "seconds": time.perf_counter() - begin_s,
        "cpu_s": _cpu_s() - cpu_before_s,
        "latencies_s": latencies_s,
        "library": classifier.library,
    }
    print(json.dumps(measured))


def _run(classifier: Classifier, pictures: list[bytes], threads: int) -> list[float]:
    """Classifies each picture once, on so many threads; seconds each took."""
    latencies_s = [0.0] * len(pictures)
    numbers = itertools.count()
    limits = DecodeLimits()

    def work() -> None:
        while (number := next(numbers)) < len(pictures):
            begin_s = time.perf_counter()
            image = decode(pictures[number], classifier.model.input, limits).pixels
            classifier.probabilities(image[np.newaxis])
            latencies_s[number] = time.perf_counter() - begin_s

    team = [threading.Thread(target=work) for _ in range(threads)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    if 0.0 in latencies_s:
        raise SystemExit(f"a thread of {os.getpid()} failed")
    return latencies_s


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
