"""The fields of XMP that hold keywords."""

from dataclasses import dataclass
from typing import Final

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(frozen=True, slots=True)
class Field:
    """A list of keywords.

    Attributes:
        prefix: of the namespace, as people know it.
        namespace: identifies it.
        name: of the field in its namespace.
        container: the kind of list that its owner writes.
    """

    prefix: str
    namespace: str
    name: str
    container: str

    @property
    def key(self) -> str:
        """How the parser names it."""
        return f"{self.namespace} {self.name}"


#: Keywords without a hierarchy, which every program reads.
SUBJECT: Final = Field("dc", "http://purl.org/dc/elements/1.1/", "subject", "Bag")
#: Keywords with what is above them, divided by "|".
HIERARCHICAL: Final = Field(
    "lr", "http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject", "Bag"
)
#: The same, divided by "/".
TAGS: Final = Field("digiKam", "http://www.digikam.org/ns/1.0/", "TagsList", "Seq")

FIELDS: Final = (SUBJECT, HIERARCHICAL, TAGS)
