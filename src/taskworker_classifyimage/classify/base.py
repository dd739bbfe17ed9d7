"""What a model is, whatever runs it: its input, its classes, and the loaded network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.input_spec import InputSpec

#: The name of the classes of every built-in model: the 1000 of ILSVRC2012, by synset id.
ILSVRC2012: Final = "ILSVRC2012"
ILSVRC2012_CLASSES: Final = 1000

#: What a network's scores are. The classes of an independent one do not exclude each other.
OutputKind = Literal["logits", "probabilities", "independent", "independent-logits"]
INDEPENDENT_KINDS: Final[tuple[OutputKind, ...]] = ("independent", "independent-logits")
#: The least probability of a class that is reported, if classes do not exclude each other.
DEFAULT_THRESHOLD: Final = 0.5

#: (N, S, S, 3) RGB, 0 to 255.
Images = npt.NDArray[np.uint8]
#: (N, C), 0 to 1, in the order of the classes.
Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OwnClasses:
    """The classes of a model that was not trained on ILSVRC2012.

    Attributes:
        ids: by class index, all different.
        names: language to names by class index; may be empty.
    """

    ids: tuple[str, ...]
    names: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Model:
    """What the pipeline and the reports need to know about a model.

    Attributes:
        published_top1: accuracy that the publisher states, 0 to 1; None if none is published.
        sha256: of the file that holds the weights, in hexadecimal.
        classes: None for those of ILSVRC2012.
        temperature: divides the network's logits, so that its probabilities say how often it is
            right; 1 for a network as it is.
        threshold: if the classes do not exclude each other, the least probability of one that is
            reported, 0 to 1; None if they do, so that their probabilities sum to 1.
        labels_dir: folder with further names for the classes of ILSVRC2012; None: there is none.
    """

    name: str
    version: str
    licence: str
    source: str
    published_top1: float | None
    sha256: str
    input: InputSpec
    classes: OwnClasses | None
    temperature: float
    threshold: float | None
    labels_dir: Path | None

    @property
    def class_count(self) -> int:
        """Number of classes, which is the number of the network's outputs."""
        return ILSVRC2012_CLASSES if self.classes is None else len(self.classes.ids)


class Loaded(Protocol):
    """A model that is loaded, here or on another machine."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def library(self) -> str:
        """Name and version of the runtime, such as "onnxruntime-1.32.0"."""

    @property
    def device(self) -> str:
        """The device that runs it, such as "cpu"."""


class Classifier(Loaded, Protocol):
    """A loaded network. Its methods may be called from several threads at once."""

    @property
    def threads(self) -> int:
        """How many threads calling `probabilities` keep the device busy."""

    def probabilities(self, images: Images) -> Probabilities:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
