"""What a source says about its network, and what the user adds: enough to make a pack."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.base import Images, OutputKind, OwnClasses
from taskworker_classifyimage.classify.model_pack import TensorSpec, Triple
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.input_spec import SIDES, InputSpec, Resize

#: (N, C) float32.
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scaling:
    """(value - subtract) / divide, for red, green and blue, value from 0 to 255."""

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

#: How most networks for ImageNet are evaluated.
_DEFAULT_CROP: Final = 0.875
_DEFAULT_RESIZE: Final[Resize] = "bicubic"
#: What a source knows better than its user.
_FACTS: Final = ("size", "crop", "resize", "scaling", "colours", "kind")
#: uint8 NHWC RGB, with any scaling inside the network.
_PIXELS: Final = TensorSpec()


@dataclass(frozen=True, slots=True)
class PackOptions:
    """What the user says about a network; None where the source says it, or for the default.

    Attributes:
        crop: share of the shorter side; "none" stretches the whole picture.
        kind: None: seen from the scores of real pictures.
        classes: None: those that the source names, or else those of ILSVRC2012.
        weights: a safetensors file for a network of timm, in place of the published weights.
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
    kind: OutputKind | None = None
    classes: OwnClasses | None = None
    weights: Path | None = None

    def input_spec(
        self, size: int, crop: float | None = _DEFAULT_CROP, resize: Resize = _DEFAULT_RESIZE
    ) -> InputSpec:
        """The network's input as its source describes it, with the user's changes."""
        if self.crop is not None:
            crop = None if self.crop == "none" else self.crop
        return InputSpec(size, crop, self.resize or resize)

    def refuse(self, reason: str, *names: str) -> None:
        """Refuses options that would have no effect.

        Raises:
            ConfigError: one of those names is set.
        """
        for name in names:
            if getattr(self, name) is not None:
                raise ConfigError(f"--{name}: {reason}")

    def join(self, says: Self, what: str) -> Self:
        """These options and what a source says about itself.

        Classes are left to whoever writes the pack: a user's may be the same with more names.

        Args:
            says: the source's; None where it says nothing.
            what: the source, for messages.

        Raises:
            ConfigError: the user says something else than the source.
        """
        for name in _FACTS:
            own, given = getattr(says, name), getattr(self, name)
            if None not in (own, given) and own != given:
                raise ConfigError(f"--{name}: {what} says {_show(own)}; leave this flag out")
        if self.classes is not None and says.classes is not None:
            self._check_classes(self.classes, says.classes, what)
        names = (*_FACTS, "name", "licence", "source")
        added = {name: getattr(says, name) for name in names if getattr(self, name) is None}
        return replace(self, **added)

    @staticmethod
    def _check_classes(given: OwnClasses, own: OwnClasses, what: str) -> None:
        for index, (one, other) in enumerate(zip(given.ids, own.ids, strict=False)):
            if one != other:
                raise ConfigError(f"--classes: class {index} is {one!r}, {what} says {other!r}")
        if len(given.ids) != len(own.ids):
            raise ConfigError(
                f"--classes: there are {len(given.ids)} of them, {what} names {len(own.ids)}"
            )

    def choose_size(self, size: int | None) -> int:
        """The network's own input size, or the one set by the user if it takes any.

        Raises:
            ConfigError: neither is given, both are and differ, or no pack may have it.
        """
        if size is not None and self.size not in (None, size):
            raise ConfigError(f"--size: the network takes {size} x {size} pixels")
        chosen = self.size if size is None else size
        if chosen is None:
            raise ConfigError("the network takes pictures of any size: set one with --size")
        least, most = SIDES
        if not least <= chosen <= most:
            raise ConfigError(f"--size: a pack takes from {least} to {most} pixels, not {chosen}")
        return chosen

    def require_scaling(self) -> Scaling:
        """The scaling, which a file does not say and no comparison would show to be wrong.

        Raises:
            ConfigError: it is not set.
        """
        if self.scaling is None:
            raise ConfigError(
                "--scaling is needed, for the file does not say what the network was trained to "
                f"see in place of 0 to 255: {', '.join(SCALINGS)}, or R,G,B/R,G,B: what is "
                "subtracted and divided by"
            )
        return self.scaling


@dataclass(frozen=True, slots=True)
class Network:
    """A network that its own library runs, and the same network as ONNX.

    Attributes:
        onnx: a whole ONNX file that reads pictures as `tensor` says.
        scores: the source's own answer, by its own library: (N, S, S, 3) uint8 RGB to (N, C).
        scores_of_images: the source's own answer to whole pictures, by its own preprocessing and
            library: RGB images of Pillow, upright, of any size, to (N, C). What the pack's
            description says has no part in it. None where the source has no preprocessing.
        other_scores: as `scores`, by other kernels of the source's library; None where these have
            to agree. Their difference is what a pack may differ by, too.
        remarks: what the user should know about it, a line each.
        has_8_bits: whether it computes with numbers of 8 bits, which each library rounds otherwise.
        classes: None where the source does not name them.
    """

    name: str
    source: str
    input: InputSpec
    onnx: bytes
    scores: Callable[[Images], Scores]
    tensor: TensorSpec = _PIXELS
    licence: str = "not stated"
    published_top1: float | None = None
    classes: OwnClasses | None = None
    has_8_bits: bool = False
    scores_of_images: Callable[[Sequence[Image.Image]], Scores] | None = None
    other_scores: Callable[[Images], Scores] | None = None
    remarks: tuple[str, ...] = ()


def _show(fact: object) -> str:
    """A value as the flag would have it."""
    if not isinstance(fact, Scaling):
        return str(fact)
    for name, scaling in SCALINGS.items():
        if scaling == fact:
            return name
    return "/".join(
        ",".join(f"{number:g}" for number in part) for part in (fact.subtract, fact.divide)
    )


def name_after(path: Path) -> str:
    """A valid name for the pack of a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).lstrip("._-")[:64] or "model"
