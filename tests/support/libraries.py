"""The large libraries that networks come from: tests that need them do without only at a desk."""

import os
import subprocess
import sys
import tempfile
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.programs import clean_environment
from taskworker_classifyimage.classify.model import InputSpec
from taskworker_classifyimage.packing.comparison import real_pictures
from taskworker_classifyimage.packing.libraries import library, quiet


def views(side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The packaged photograph from 20 sides: (20, side, side, 3) uint8 RGB."""
    return real_pictures(InputSpec(side, 0.875), [])


def need(*modules: str) -> None:
    """Skips the test without those modules; where NEEDS_LIBRARIES is true it fails instead."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        reason = f"needs {', '.join(missing)}"
        if os.environ.get("NEEDS_LIBRARIES") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def keras() -> Any:
    """Keras on TensorFlow; or the end of the test."""
    need("tensorflow", "keras", "tf2onnx")
    with quiet():
        return library("keras", "tensorflow")


def timm() -> Any:
    """timm; or the end of the test.

    PyPI has torchvision for CUDA alone on Linux. Its part in Python runs without its part in C++,
    if somebody declares the two operators that it wants to describe; classifiers use neither.
    """
    need("timm", "torch", "torchvision", "onnxscript")
    with quiet():
        torch = library("torch", "timm")
        if not hasattr(torch.ops.torchvision, "nms"):
            for name in ("nms", "qnms"):
                signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                torch.library.define(f"torchvision::{name}", signature)
        return library("timm", "timm")


def without_libraries(
    pack: Path, images: np.ndarray[Any, np.dtype[np.uint8]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A pack's probabilities of (N, S, S, 3) uint8, in a process that has no such library."""
    program = """
        import sys
        for name in ("tensorflow", "keras", "tf2onnx", "torch", "timm", "onnx"):
            sys.modules[name] = None
        import numpy as np
        from taskworker_classifyimage.classify import load_classifier
        answer = load_classifier(sys.argv[1]).probabilities(np.load(sys.argv[2]))
        np.save(sys.argv[3], answer)
    """
    with tempfile.TemporaryDirectory() as folder:
        question, answer = f"{folder}/images.npy", f"{folder}/answer.npy"
        np.save(question, images)
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), str(pack), question, answer],
            env=clean_environment(),
            timeout=60,
            check=True,
        )
        return np.asarray(np.load(answer))
