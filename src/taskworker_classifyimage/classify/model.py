"""What a model is, whatever runs it: its name, what it wants to see, and what it tells apart."""

from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.input_spec import InputSpec

#: What the classes of every built-in model are: the 1000 of ILSVRC2012 in order of synset id.
ILSVRC2012: Final = "ILSVRC2012"
ILSVRC2012_CLASSES: Final = 1000


@dataclass(frozen=True, slots=True)
class OwnClasses:
    """The classes of a model of one's own.

    Attributes:
        ids: by class index, all different.
        names: language to names by class index; may be empty.
    """

    ids: tuple[str, ...]
    names: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Model:
    """What the pipeline and the reports need to know of a model.

    Attributes:
        published_top1: accuracy as its publisher gives it, 0 to 1; None where none is published.
        sha256: of the file that holds the weights, in hexadecimal.
        classes: None for those of ILSVRC2012.
    """

    name: str
    version: str
    licence: str
    source: str
    published_top1: float | None
    sha256: str
    input: InputSpec
    classes: OwnClasses | None

    @property
    def class_count(self) -> int:
        """How many classes the network tells apart."""
        return ILSVRC2012_CLASSES if self.classes is None else len(self.classes.ids)
