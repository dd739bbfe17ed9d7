"""A serial worker that does what the original worker does, for its speed alone.

One task after the other: take, file, classify, complete, each call on a connection of its own, and
three seconds of sleep when there is nothing to do. The network has random weights, which cost as
much time as trained ones, so the classes that it names mean nothing.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import requests
from keras.applications import MobileNetV3Large
from keras.applications.mobilenet_v3 import preprocess_input
from keras.utils import img_to_array, load_img

_IDLE_S = 3.0
_TOP = 10
_TIMEOUT_S = 60.0


def main() -> None:
    """Works for a bridge until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taskbridgeurl", required=True)
    parser.add_argument("--worker", required=True)
    arguments = parser.parse_args()
    model = MobileNetV3Large(weights=None)
    # The first call compiles the network; that is part of the start, not of the first task.
    model.predict(np.zeros((1, 224, 224, 3), dtype=np.float32), verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            if not _do_one(model, arguments.taskbridgeurl, arguments.worker, Path(folder)):
                time.sleep(_IDLE_S)


def _do_one(model: keras.Model, url: str, worker: str, folder: Path) -> bool:
    """Takes, classifies and completes one task; False if there was none."""
    asked = {"type": "classifyimage", "worker": worker}
    answer = requests.post(f"{url}api/tasks/take/", json=asked, timeout=_TIMEOUT_S)
    if answer.status_code != 200:
        return False
    begin_s = time.perf_counter()
    task_id = answer.json()["id"]
    path = folder / "picture"
    # Without a slash at the end, as the original has it; 2.2.1 answers that with a redirect.
    file = requests.get(f"{url}api/tasks/file/{task_id}", timeout=_TIMEOUT_S)
    path.write_bytes(file.content)
    result = {
        "predictions": _classify(model, path),
        "duration": time.perf_counter() - begin_s,
        "library": f"tensorflow-keras-{keras.__version__}",
    }
    path.unlink()
    requests.post(
        f"{url}api/tasks/complete/{task_id}/", json={"result": result}, timeout=_TIMEOUT_S
    ).raise_for_status()
    return True


def _classify(model: keras.Model, path: Path) -> list[dict[str, Any]]:
    image = img_to_array(load_img(path, target_size=(224, 224)))
    batch = preprocess_input(np.expand_dims(image, axis=0))
    probabilities = model.predict(batch, verbose=0)[0]
    best = np.argsort(probabilities)[::-1][:_TOP]
    return [
        {"class": f"class-{index}", "name": "", "probability": float(probabilities[index])}
        for index in best
    ]


if __name__ == "__main__":
    main()
