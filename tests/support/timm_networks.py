"""Networks of timm with seeded random weights that tell pictures apart."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from taskworker_classifyimage.packing.libraries import import_library, quiet_libraries

#: Spread of the scores of the classes; without it, random networks score all the same.
_SPREAD = 3.0


def skip_without_timm() -> None:
    """Skips a test, or fails it where CI must have all libraries."""
    missing = [
        name for name in ("timm", "torch", "torchvision", "onnxscript") if not find_spec(name)
    ]
    if missing:
        assert os.environ.get("CI") != "true", f"{missing} have to be there: ./test.sh --all"
        pytest.skip(f"{', '.join(missing)} not installed")


def timm() -> Any:
    """The module, imported as the program does.

    For Linux, PyPI has torchvision for CUDA only, and here torch for the CPU is installed. The
    Python half of torchvision runs without its C++ half if the two operators that it refers to are
    declared; classifiers use neither.
    """
    with quiet_libraries():
        torch = import_library("torch", "timm")
        if not hasattr(torch.ops.torchvision, "nms"):
            for name in ("nms", "qnms"):
                signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                torch.library.define(f"torchvision::{name}", signature)
        return import_library("timm", "timm")


def seeded_network(name: str, pictures: npt.NDArray[np.uint8], **sizes: int) -> Any:
    """A network of timm whose answers differ from picture to picture, in evaluation mode."""
    library_, torch = timm(), import_library("torch", "timm")
    with quiet_libraries(), torch.no_grad():
        torch.manual_seed(7)
        model = library_.create_model(name, pretrained=False, exportable=True, **sizes)
        for each in model.modules():
            if isinstance(each, torch.nn.BatchNorm2d):
                # One pass then sets the statistics of these pictures.
                each.momentum = None
        pixels = torch.from_numpy(pictures.transpose(0, 3, 1, 2) / np.float32(64) - 2)
        model.train()(pixels)
        model.get_classifier().weight *= _SPREAD / model.eval()(pixels).std()
    return model


def save(model: Any, path: Path) -> None:
    """Writes the weights as safetensors."""
    import_library("safetensors.torch", "timm").save_file(model.state_dict(), path)
