"""What a source gives, and what its user adds: enough to make a pack."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.model_pack import TensorSpec, Triple
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.input_spec import SIDES, InputSpec, Resize

Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scaling:
    """(value - subtract) / divide, by channel in the network's order, value from 0 to 255."""

    subtract: Triple
    divide: Triple


#: What networks are commonly trained on; "signed" is -1 to 1, which would look like a flag.
#: ImageNet's means and deviations are those of torchvision.
SCALINGS: Final = {
    "none": Scaling((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "0..1": Scaling((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    "signed": Scaling((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "imagenet": Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}


#: What most networks for ImageNet are evaluated with.
DEFAULT_CROP: Final = 0.875
DEFAULT_RESIZE: Final[Resize] = "bicubic"
#: Of what its owner says nothing about.
NO_LICENCE: Final = "not stated"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says of a network; None where the source knows, or the default will do.

    Attributes:
        crop: share of the shorter side; "none" stretches the whole picture.
        classes: None for what the source says, and for ILSVRC2012 if it says nothing.
        weights: a safetensors file for a network of timm, instead of the published weights.
    """

    name: str | None = None
    version: str = "1"
    licence: str | None = None
    source: str | None = None
    size: int | None = None
    crop: float | Literal["none"] | None = None
    resize: Resize | None = None
    scaling: Scaling | None = None
    colours: Literal["RGB", "BGR"] | None = None
    kind: Literal["logits", "probabilities"] | None = None
    classes: OwnClasses | None = None
    weights: Path | None = None

    def input(self, size: int, crop: float | None, resize: Resize) -> InputSpec:
        """What the network wants to see: as the source says, unless the user knows better."""
        if self.crop is not None:
            crop = None if self.crop == "none" else self.crop
        return InputSpec(size, crop, self.resize or resize)

    def refuse(self, reason: str, *names: str) -> None:
        """Refuses wishes that would be of no effect.

        Raises:
            ConfigError: one of those names is wished for.
        """
        for name in names:
            if getattr(self, name) is not None:
                raise ConfigError(f"--{name}: {reason}")


@dataclass(frozen=True, slots=True)
class Network:
    """A network that its own library runs, and the same as ONNX.

    Attributes:
        onnx: a whole ONNX file that reads pictures as `tensor` says.
        scores: the source's own answer, by its own library: (N, S, S, 3) uint8 RGB to (N, C).
        classes: None where the source does not know them.
    """

    name: str
    licence: str
    source: str
    published_top1: float | None
    input: InputSpec
    tensor: TensorSpec
    onnx: bytes
    scores: Callable[[Images], Scores]
    classes: OwnClasses | None = None


def file_name(path: Path) -> str:
    """A pack's name after a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).lstrip("._-")[:64] or "model"


def settled_size(size: int | None, wishes: Wishes) -> int:
    """The network's own input size, or the one wished for if it takes any.

    Raises:
        ConfigError: neither is there, both are and differ, or no pack may have it.
    """
    if size is not None and wishes.size not in (None, size):
        raise ConfigError(f"--size: the network takes {size} x {size} pixels")
    settled = wishes.size if size is None else size
    if settled is None:
        raise ConfigError("the network takes pictures of any size: say which with --size")
    least, most = SIDES
    if not least <= settled <= most:
        raise ConfigError(f"--size: a pack takes from {least} to {most} pixels, not {settled}")
    return settled


def known_scaling(wishes: Wishes) -> Scaling:
    """What a file of floating-point weights cannot tell, and nothing would show if it were wrong.

    Raises:
        ConfigError: it is not told.
    """
    if wishes.scaling is None:
        raise ConfigError(
            "--scaling is needed, for the file does not tell how the network was trained to see "
            f"0 to 255: {', '.join(SCALINGS)}, or SUBTRACT,../DIVIDE,.. by channel"
        )
    return wishes.scaling
