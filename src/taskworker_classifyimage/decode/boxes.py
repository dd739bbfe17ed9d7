"""The boxes of ISO base media files (ISO/IEC 14496-12, section 4.2): HEIC, AVIF, JPEG XL, MP4."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Far more than a picture has at its top level; a crafted file could hold millions.
_MAX_BOXES: Final = 1000


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        kind: four bytes, such as b"ftyp".
        start: of the content, in bytes from the start of the file.
        end: just behind the content; beyond the end of a truncated file.
    """

    kind: bytes
    start: int
    end: int


def read_boxes(encoded: bytes, offset: int = 0, limit: int | None = None) -> Iterator[Box]:
    """The boxes of a file, or those between two offsets, up to the first incomplete header."""
    limit = len(encoded) if limit is None else min(limit, len(encoded))
    for _ in range(_MAX_BOXES):
        if offset + 8 > limit:
            return
        size = int.from_bytes(encoded[offset : offset + 4], "big")
        kind, start = encoded[offset + 4 : offset + 8], offset + 8
        if size == 1:
            size, start = int.from_bytes(encoded[offset + 8 : offset + 16], "big"), offset + 16
        end = limit if size == 0 else offset + size
        if end < start:
            return
        yield Box(kind, start, end)
        offset = end


def find_box(encoded: bytes, kind: bytes) -> Box | None:
    """The first box of a kind at the top level of a file."""
    return next((box for box in read_boxes(encoded) if box.kind == kind), None)


def find_within(encoded: bytes, outer: Box, *kinds: bytes, skip: int = 0) -> Box | None:
    """The first box of the last kind, in that of the kind before, and so on, in `outer`.

    `skip` is how many bytes of `outer` lie before its first box.
    """
    box: Box | None = outer
    for kind in kinds:
        if box is None:
            return None
        inner = read_boxes(encoded, box.start + skip, box.end)
        box, skip = next((each for each in inner if each.kind == kind), None), 0
    return box


def read_brands(encoded: bytes) -> list[bytes]:
    """The brands in a file's `ftyp` box: the major one, then those it is compatible with."""
    first = next(read_boxes(encoded), None)
    if first is None or first.kind != b"ftyp":
        return []
    content = encoded[first.start : min(first.end, first.start + 256)]
    return [content[:4], *(content[at : at + 4] for at in range(8, len(content), 4))]
