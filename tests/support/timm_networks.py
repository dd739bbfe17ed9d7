"""Networks of timm with seeded random weights that see something."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from taskworker_classifyimage.packing.libraries import library, quiet

#: Spread of the scores that the classes get; random networks as they come give all the same.
_SPREAD = 3.0


def skip_without_timm() -> None:
    """For the head of a test module; torch is large."""
    missing = [
        name for name in ("timm", "torch", "torchvision", "onnxscript") if not find_spec(name)
    ]
    if missing:
        assert os.environ.get("CI") != "true", f"{missing} have to be there: scripts/timm.sh"
        pytest.skip(f"{', '.join(missing)} not installed", allow_module_level=True)


def timm() -> Any:
    """The module, brought in as the program does.

    PyPI has torchvision for CUDA alone on Linux, and torch for the CPU is installed here. Its part
    in Python then runs without its part in C++, if somebody declares the two operators that it
    wants to describe; classifiers use neither.
    """
    with quiet():
        torch = library("torch", "timm")
        if not hasattr(torch.ops.torchvision, "nms"):
            for name in ("nms", "qnms"):
                signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                torch.library.define(f"torchvision::{name}", signature)
        return library("timm", "timm")


def seeded_network(name: str, pictures: npt.NDArray[np.uint8], **sizes: int) -> Any:
    """A network of timm whose answers differ from picture to picture, in evaluation mode."""
    library_, torch = timm(), library("torch", "timm")
    with quiet(), torch.no_grad():
        torch.manual_seed(7)
        model = library_.create_model(name, pretrained=False, exportable=True, **sizes)
        for each in model.modules():
            if isinstance(each, torch.nn.BatchNorm2d):
                # One pass then leaves it with the pictures' own statistics.
                each.momentum = None
        pixels = torch.from_numpy(pictures.transpose(0, 3, 1, 2) / np.float32(64) - 2)
        model.train()(pixels)
        model.get_classifier().weight *= _SPREAD / model.eval()(pixels).std()
    return model


def save(model: Any, path: Path) -> None:
    """Writes the weights as safetensors."""
    library("safetensors.torch", "timm").save_file(model.state_dict(), path)
