"""Changes the lists of keywords in an XMP packet; every other byte of it stays as it is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from taskworker_classifyimage.outputs.xmp_fields import RDF, Field
from taskworker_classifyimage.outputs.xmp_reading import Element, SidecarUnusable, read_packet

#: A packet without properties.
EMPTY: Final = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{RDF}">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one field: which keywords go, and which come behind those that stay."""

    removed: Collection[str] = ()
    added: Sequence[str] = ()


class XmpPacket:
    """A packet that has been read."""

    def __init__(self, content: bytes) -> None:
        """Reads it.

        Raises:
            SidecarUnusable: see `read_packet`.
        """
        self._content = content
        self._rdf = read_packet(content)

    def keywords(self, field: Field) -> list[str]:
        """The keywords of a field; entries that are more than a text are left out."""
        return [item.text for each in self._find(field) for item in each.items if not item.children]

    def change(self, changes: Mapping[Field, Change]) -> bytes:
        """The packet with other keywords; the same bytes if nothing changes."""
        edits = _Edits(self._content)
        gone: list[Element] = []
        fresh: dict[Field, Sequence[str]] = {}
        for field, change in changes.items():
            stays = None
            for found in self._find(field):
                kept = [item for item in found.items if not _is_removed(item, change)]
                if kept:
                    stays = found
                    edits.remove(item for item in found.items if _is_removed(item, change))
                elif found.items or change.added:
                    gone.append(found)
            if stays is not None:
                edits.append_items(stays.items, change.added)
            elif change.added:
                fresh[field] = change.added
        self._remove_fields(edits, gone)
        if fresh:
            self._add_description(edits, fresh)
        return edits.apply()

    def _find(self, field: Field) -> list[Element]:
        return [
            each
            for description in self._rdf.children
            for each in description.children
            if each.name == field.key
        ]

    def _remove_fields(self, edits: "_Edits", gone: list[Element]) -> None:
        """Removes fields without items, and descriptions that then describe nothing."""
        for description in self._rdf.children:
            removed = [each for each in description.children if each in gone]
            is_bare = not description.attributes.keys() - {f"{RDF} about", "about"}
            if removed and len(removed) == len(description.children) and is_bare:
                edits.remove([description])
            else:
                edits.remove(removed)

    def _add_description(self, edits: "_Edits", fresh: Mapping[Field, Sequence[str]]) -> None:
        prefix, colon, _ = self._rdf.raw_name.decode().partition(":")
        if not colon:
            raise SidecarUnusable("its RDF has no prefix")
        abouts = (each.attributes.get(f"{RDF} about") for each in self._rdf.children)
        about = next((each for each in abouts if each is not None), "")
        namespaces = "".join(f'\n    xmlns:{each.prefix}="{each.namespace}"' for each in fresh)
        lines = [
            f"\n  <{prefix}:Description {prefix}:about={quoteattr(about)}{namespaces}>",
            *(_to_xml(field, keywords, prefix) for field, keywords in fresh.items()),
            f"\n  </{prefix}:Description>",
        ]
        edits.append_child(self._rdf, "".join(lines).encode())


class _Edits:
    """Replacements in a packet, which do not overlap."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._edits: list[tuple[int, int, bytes]] = []

    def remove(self, elements: Iterable[Element]) -> None:
        """Removes elements, each with the blanks before it."""
        for each in elements:
            self._edits.append((each.start - len(self._blanks_before(each)), each.end, b""))

    def append_items(self, items: Sequence[Element], keywords: Sequence[str]) -> None:
        """Adds keywords behind the items of a list, written as these are."""
        blanks, name = self._blanks_before(items[0]), items[0].raw_name
        added = b"".join(
            b"%s<%s>%s</%s>" % (blanks, name, _escape(each).encode(), name) for each in keywords
        )
        self._edits.append((items[-1].end, items[-1].end, added))

    def append_child(self, parent: Element, added: bytes) -> None:
        """Adds an element behind the last one."""
        if parent.end == parent.inside:
            closed = b">%s\n </%s>" % (added, parent.raw_name)
            self._edits.append((parent.inside - 2, parent.inside, closed))
        else:
            behind = parent.children[-1].end if parent.children else parent.inside
            self._edits.append((behind, behind, added))

    def apply(self) -> bytes:
        """The packet with all replacements."""
        pieces, done = [], 0
        for start, end, replacement in sorted(self._edits):
            pieces += [self._content[done:start], replacement]
            done = end
        return b"".join([*pieces, self._content[done:]])

    def _blanks_before(self, element: Element) -> bytes:
        start = element.start
        while self._content[start - 1] in b" \t\r\n":
            start -= 1
        return self._content[start : element.start]


def _is_removed(item: Element, change: Change) -> bool:
    return not item.children and item.text in change.removed


def _to_xml(field: Field, keywords: Sequence[str], rdf: str) -> str:
    name, container = f"{field.prefix}:{field.name}", f"{rdf}:{field.container}"
    items = "".join(f"\n     <{rdf}:li>{_escape(each)}</{rdf}:li>" for each in keywords)
    return f"\n   <{name}>\n    <{container}>{items}\n    </{container}>\n   </{name}>"


def _escape(text: str) -> str:
    # Else a parser reads a line feed.
    return escape(text, {"\r": "&#13;"})
