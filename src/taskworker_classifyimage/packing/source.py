"""What every kind of source gives: what its files say, and its network when it is opened."""

from collections.abc import Callable
from dataclasses import dataclass

from taskworker_classifyimage.packing.network import Network, PackOptions


@dataclass(frozen=True, slots=True)
class Source:
    """A network as its files describe it, before any library loads it.

    Attributes:
        what: the kind, for people, such as "Keras export of Teachable Machine".
        says: what the files say about the network; None where they say nothing. A flag that says
            something else is refused, one that adds to it is taken.
        open: loads and converts the network. It is given what the files say and what the user adds,
            as one; it raises ConfigError where something is missing still, and ModelError where no
            pack can hold the network.
    """

    what: str
    says: PackOptions
    open: Callable[[PackOptions], Network]
