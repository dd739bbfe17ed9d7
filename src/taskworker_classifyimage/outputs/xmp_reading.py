"""Finds the keywords of an XMP packet and where they stand; the packet may be hostile."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from taskworker_classifyimage.errors import UserError, one_line
from taskworker_classifyimage.outputs.xmp_fields import FIELDS, RDF

#: A tag that the parser has accepted, with its quoted attributes.
_TAG: Final = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_NAME: Final = re.compile(rb"</?([^\s/>]+)")
_CONTAINERS: Final = tuple(f"{RDF} {kind}" for kind in ("Bag", "Seq", "Alt"))
#: More than any program writes; a hostile packet could fill the memory with them.
_MAX_ELEMENTS: Final = 250_000
_MAX_DEPTH: Final = 1000
#: Of one tag with its attributes: masks that were drawn by hand have some 100 KiB.
_MAX_TAG_BYTES: Final = 2**20
_CHUNK_BYTES: Final = 2**16
_KEYS: Final = {each.key: each for each in FIELDS}


class SidecarUnusable(UserError):
    """An existing sidecar is no XMP that keywords can be added to; it is left as it is."""


@dataclass(slots=True, eq=False)
class Element:
    """An element and where it stands, in bytes.

    Attributes:
        raw_name: its name with the prefix that the packet uses.
        start: where its first tag begins.
        inside: where its first tag ends.
        end: where its last tag ends.
        texts: pieces of what stands directly in it.
        children: elements directly in it.
    """

    name: str
    raw_name: bytes
    attributes: Mapping[str, str]
    start: int
    inside: int
    end: int = 0
    texts: list[str] = field(default_factory=list)
    children: list["Element"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What stands directly in it."""
        return "".join(self.texts)

    @property
    def items(self) -> list["Element"]:
        """The entries of a field that is a list."""
        return [item for container in self.children for item in container.children]


def read_packet(content: bytes) -> Element:
    """The element `rdf:RDF` of a packet: descriptions, in them fields, containers and items.

    Below that only the fields that hold keywords have children.

    Raises:
        SidecarUnusable: it is no XMP in UTF-8, has a document type, which XMP has not and attacks
            need, or holds keywords in another form than a list.
    """
    _check_bytes(content)
    reader = _Reader(content)
    # The declared encoding is checked, not trusted: another one would move all positions.
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.XmlDeclHandler = _check_encoding
    parser.StartElementHandler = lambda name, found: reader.begin(
        name, found, parser.CurrentByteIndex
    )
    parser.EndElementHandler = lambda _: reader.end(parser.CurrentByteIndex)
    parser.CharacterDataHandler = reader.add_text
    try:
        for start in range(0, len(content), _CHUNK_BYTES):
            parser.Parse(content[start : start + _CHUNK_BYTES], False)
            if start - parser.CurrentByteIndex > _MAX_TAG_BYTES:
                raise SidecarUnusable("it has a tag of enormous length")
        parser.Parse(b"", True)
    except expat.ExpatError as err:
        raise SidecarUnusable(f"it is no XMP: {one_line(err)}") from None
    if reader.rdf is None:
        raise SidecarUnusable("it is no XMP: it has no element rdf:RDF")
    for description in reader.rdf.children:
        _check_fields(description)
    return reader.rdf


class _Reader:
    """Builds the elements that matter; whatever else there is costs no memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._open: list[Element] = []
        self._count = 0
        self.rdf: Element | None = None

    def begin(self, name: str, attributes: Mapping[str, str], start: int) -> None:
        tag = _TAG.match(self._content, start)
        raw_name = _NAME.match(self._content, start)
        if tag is None or raw_name is None:
            raise SidecarUnusable("it is no XMP")
        element = Element(name, raw_name[1], attributes, start, tag.end())
        if self._is_kept(element):
            self._open[-1].children.append(element)
        self._open.append(element)
        self._count += 1
        if self._count > _MAX_ELEMENTS or len(self._open) > _MAX_DEPTH:
            raise SidecarUnusable("it has too many elements")

    def _is_kept(self, element: Element) -> bool:
        """Whether its parent is to know it; also notes `rdf:RDF`, at the top or just below."""
        depth = len(self._open)
        if element.name == f"{RDF} RDF" and depth <= 1:
            if self.rdf is not None:
                raise SidecarUnusable("it has more than one element rdf:RDF")
            self.rdf = element
        if self.rdf is None or self.rdf not in self._open[:2]:
            return False
        below = self._open[self._open.index(self.rdf) :]
        return len(below) <= 2 or (len(below) <= 5 and below[2].name in _KEYS)

    def add_text(self, text: str) -> None:
        """Keeps the text of fields and their items."""
        if any(each.name in _KEYS for each in self._open[-3:]):
            self._open[-1].texts.append(text)

    def end(self, start: int) -> None:
        element = self._open.pop()
        is_empty = self._content.startswith(b"/>", element.inside - 2)
        element.end = element.inside if is_empty else self._content.index(b">", start) + 1


def _check_fields(description: Element) -> None:
    for key, each in _KEYS.items():
        if key in description.attributes:
            raise SidecarUnusable(f"its {each.prefix}:{each.name} is no list")
    for found in description.children:
        if found.name in _KEYS and (
            found.text.strip() or any(each.name not in _CONTAINERS for each in found.children)
        ):
            each = _KEYS[found.name]
            raise SidecarUnusable(f"its {each.prefix}:{each.name} is no list")


def _refuse_document_type(*_: object) -> None:
    raise SidecarUnusable("it has a document type, which XMP never has")


def _check_bytes(content: bytes) -> None:
    """Leaves UTF-16 to others, which the parser would detect and whose positions are others."""
    try:
        content.decode()
    except UnicodeDecodeError:
        raise SidecarUnusable("it is not UTF-8") from None
    if b"\0" in content:
        raise SidecarUnusable("it has bytes that are zero")


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii", "ascii"):
        raise SidecarUnusable(f"its encoding is {one_line(Exception(encoding))}, not UTF-8")
