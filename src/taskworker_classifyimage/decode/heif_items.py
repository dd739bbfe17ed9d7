"""The items of a HEIF file (ISO/IEC 23008-12, and 14496-12, section 8.11), read without trust."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from taskworker_classifyimage.decode.boxes import Box, find_box, read_boxes

#: Far more than a picture in a grid has; a crafted file could name millions.
_MAX_ITEMS: Final = 5000
_FULL_BOX_BYTES: Final = 4


@dataclass(slots=True)
class Item:
    """One item: a coded picture, a grid of others, metadata.

    Attributes:
        kind: such as b"hvc1", b"av01", b"grid", b"Exif".
        content: its bytes; none if the file does not hold all of them.
        properties: the boxes that apply to it, in order, each whole.
        parts: numbers of the items that it is derived from.
        belongs_to: numbers of the items that it is an auxiliary picture of, such as their alpha.
    """

    kind: bytes
    content: bytes = b""
    properties: list[bytes] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    belongs_to: list[int] = field(default_factory=list)

    def find_property(self, kind: bytes) -> bytes | None:
        """The content of the first property of a kind."""
        return next((each[8:] for each in self.properties if each[4:8] == kind), None)


def read_items(encoded: bytes) -> tuple[int, dict[int, Item]]:
    """The number of the primary item, 0 if there is none, and all items by their numbers."""
    meta = find_box(encoded, b"meta")
    if meta is None:
        return 0, {}
    boxes: dict[bytes, Box] = {}
    for box in read_boxes(encoded, meta.start + _FULL_BOX_BYTES, meta.end):
        boxes.setdefault(box.kind, box)
    cursors = {kind: _Cursor(encoded, box.start, box.end) for kind, box in boxes.items()}
    items = _read_kinds(cursors.get(b"iinf"))
    if b"iloc" in cursors:
        data = boxes.get(b"idat")
        _read_contents(encoded, cursors[b"iloc"], items, data.start if data else None)
    if b"iprp" in boxes:
        _read_properties(encoded, boxes[b"iprp"], items)
    if b"iref" in cursors:
        _read_references(cursors[b"iref"], items)
    primary = cursors.get(b"pitm")
    return 0 if primary is None else primary.number(2 if primary.full_box()[0] == 0 else 4), items


class _Cursor:
    """Reads numbers one after the other; beyond the end they are 0."""

    def __init__(self, encoded: bytes, at: int, end: int) -> None:
        self.encoded = encoded
        self.at = at
        self.end = min(end, len(encoded))

    def take(self, count: int) -> bytes:
        taken = self.encoded[self.at : min(self.at + count, self.end)]
        self.at += count
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def full_box(self) -> tuple[int, int]:
        """Version and flags."""
        return self.number(1), self.number(3)

    def boxes(self) -> Iterator[tuple[bytes, "_Cursor"]]:
        for box in read_boxes(self.encoded, self.at, self.end):
            yield box.kind, _Cursor(self.encoded, box.start, min(box.end, self.end))

    def counts(self, count: int) -> Iterator[int]:
        """Up to so many, as long as there are bytes."""
        for number in range(min(count, _MAX_ITEMS)):
            if self.at >= self.end:
                return
            yield number


def _read_kinds(infos: _Cursor | None) -> dict[int, Item]:
    items: dict[int, Item] = {}
    if infos is None:
        return items
    infos.take(2 if infos.full_box()[0] == 0 else 4)
    for kind, entry in infos.boxes():
        version, _ = entry.full_box()
        if kind == b"infe" and version >= 2:
            number = entry.number(2 if version == 2 else 4)
            entry.take(2)
            items[number] = Item(entry.take(4))
    return items


def _read_contents(
    encoded: bytes, places: _Cursor, items: dict[int, Item], data_start: int | None
) -> None:
    version, _ = places.full_box()
    sizes = places.number(2)
    offset_bytes, length_bytes, base_bytes, index_bytes = (
        sizes >> shift & 15 for shift in (12, 8, 4, 0)
    )
    for _ in places.counts(places.number(2 if version < 2 else 4)):
        item = items.get(places.number(2 if version < 2 else 4))
        method = places.number(2) & 15 if version else 0
        places.take(2)
        base, parts, left = places.number(base_bytes), list[bytes](), len(encoded)
        is_complete = True
        for _ in places.counts(places.number(2)):
            if version:
                places.take(index_bytes)
            start, length = base + places.number(offset_bytes), places.number(length_bytes)
            if method == 1:
                start += len(encoded) if data_start is None else data_start
            # Extents that overlap must not add up to more than there is.
            part = encoded[start : start + min(length or left, left)]
            left -= len(part)
            is_complete = is_complete and len(part) >= length
            parts.append(part)
        if item is not None and method in (0, 1) and is_complete:
            item.content = b"".join(parts)


def _read_properties(encoded: bytes, properties: Box, items: dict[int, Item]) -> None:
    known: list[bytes] = []
    for box in read_boxes(encoded, properties.start, properties.end):
        if box.kind == b"ipco":
            inner = read_boxes(encoded, box.start, box.end)
            known.extend(encoded[each.start - 8 : each.end] for each in inner)
        if box.kind == b"ipma":
            # There should be one of these; where there are several, all count.
            _associate(_Cursor(encoded, box.start, box.end), known, items)


def _associate(uses: _Cursor, known: list[bytes], items: dict[int, Item]) -> None:
    version, flags = uses.full_box()
    bits = 15 if flags & 1 else 7
    for _ in uses.counts(uses.number(4)):
        item = items.get(uses.number(2 if version == 0 else 4))
        for _ in range(uses.number(1)):
            index = uses.number((bits + 1) // 8) & (1 << bits) - 1
            if item is not None and 0 < index <= len(known):
                item.properties.append(known[index - 1])


def _read_references(references: _Cursor, items: dict[int, Item]) -> None:
    count_bytes = 2 if references.full_box()[0] == 0 else 4
    for kind, reference in references.boxes():
        item = items.get(reference.number(count_bytes))
        numbers = [reference.number(count_bytes) for _ in reference.counts(reference.number(2))]
        if item is not None and kind == b"dimg":
            item.parts.extend(numbers)
        if item is not None and kind == b"auxl":
            item.belongs_to.extend(numbers)
