"""A model pack: `model.onnx`, and the `model.toml` that says how to use it, in a folder or a zip.

The built-in models are packs too, so there is one format and one loader. docs/model-packs.md
describes it for people who make their own.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from taskworker_classifyimage.classify.container import MODEL_LIMIT_BYTES, read_member
from taskworker_classifyimage.classify.model import Model
from taskworker_classifyimage.errors import ModelError

MODEL_FILE: Final = "model.onnx"
DESCRIPTION_FILE: Final = "model.toml"

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """How the network wants (N, size, size, 3) uint8 RGB, 0 to 255, to be written.

    Attributes:
        dtype: of the input; uint8 is never scaled.
        layout: order of the axes.
        colours: order of the channels.
        subtract: taken off each value (0 to 255), by channel in the order of `colours`.
        divide: divides what is left.
    """

    dtype: Literal["uint8", "float32"] = "uint8"
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    colours: Literal["RGB", "BGR"] = "RGB"
    subtract: Triple = (0.0, 0.0, 0.0)
    divide: Triple = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class ModelPack(Model):
    """A described model on disk.

    Attributes:
        saturation_safe: whether sums of its 8-bit products fit the 16 bits in which CPUs with AVX2
            and without VNNI add them up; of no account for a float network.
        output: whether the network's scores still need a softmax.
        path: the folder or the zip.
    """

    saturation_safe: bool
    tensor: TensorSpec
    output: Literal["logits", "probabilities"]
    path: Path

    def read_verified(self) -> bytes:
        """The ONNX file's bytes, the very ones whose checksum was compared.

        Raises:
            ModelError: the file is missing or is not the one described.
        """
        content = read_member(self.path, MODEL_FILE, MODEL_LIMIT_BYTES)
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"{self.path}: {MODEL_FILE} is damaged: its SHA-256 is {found[:12]}..., "
                f"{DESCRIPTION_FILE} says {self.sha256[:12]}...; install it again"
            )
        return content
