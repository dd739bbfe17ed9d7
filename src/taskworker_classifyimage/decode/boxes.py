"""ISO base media boxes (ISO/IEC 14496-12, section 4.2): what HEIC, AVIF, JPEG 2000 and MP4 are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Far more than a picture has at its top; a crafted file could hold millions.
_MOST: Final = 1000


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


def boxes(encoded: bytes, offset: int = 0) -> Iterator[Box]:
    """The boxes at the top of a file, as far as there is a header."""
    for _ in range(_MOST):
        if offset + 8 > len(encoded):
            return
        size = int.from_bytes(encoded[offset : offset + 4], "big")
        kind, start = encoded[offset + 4 : offset + 8], offset + 8
        if size == 1:
            size, start = int.from_bytes(encoded[offset + 8 : offset + 16], "big"), offset + 16
        end = len(encoded) if size == 0 else offset + size
        if end < start:
            return
        yield Box(kind, start, end)
        offset = end


def find_box(encoded: bytes, kind: bytes) -> Box | None:
    """The first of a kind at the top of a file."""
    return next((box for box in boxes(encoded) if box.kind == kind), None)


def brands(encoded: bytes) -> list[bytes]:
    """What a file says it is by its `ftyp` box: the major brand, then the compatible ones."""
    first = next(boxes(encoded), None)
    if first is None or first.kind != b"ftyp":
        return []
    content = encoded[first.start : min(first.end, first.start + 256)]
    listed = [content[at : at + 4] for at in range(8, len(content), 4)]
    return [content[:4], *listed]
