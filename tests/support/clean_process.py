"""Packs run as in a lab: in a process that has no library of those that networks come from."""

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import numpy.typing as npt

from support.programs import clean_environment
from support.waiting import LONG_S

_PROGRAM = """
    import sys
    for name in ("tensorflow", "keras", "tf2onnx", "torch", "timm", "onnx"):
        sys.modules[name] = None
    import numpy as np
    from taskworker_classifyimage.classify.loader import load_classifier
    answer = load_classifier(sys.argv[1]).probabilities(np.load(sys.argv[2]))
    np.save(sys.argv[3], answer)
"""


def without_libraries(pack: Path, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """A pack's probabilities of (N, S, S, 3) uint8, where importing TensorFlow or torch fails."""
    with tempfile.TemporaryDirectory() as folder:
        question, answer = f"{folder}/images.npy", f"{folder}/answer.npy"
        np.save(question, images)
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(_PROGRAM), str(pack), question, answer],
            env=clean_environment(),
            timeout=LONG_S,
            check=True,
        )
        return np.asarray(np.load(answer))
