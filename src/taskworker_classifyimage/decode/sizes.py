"""Sizes that Pillow does not show before it takes memory for them."""

from collections.abc import Iterator
from typing import Final

from taskworker_classifyimage.decode.boxes import find_box
from taskworker_classifyimage.decode.identify import Format

#: The property that holds an item's size (ISO/IEC 23008-12, section 6.5.3).
_EXTENT: Final = b"ispe"
_MOST_ITEMS: Final = 1000
_PNG: Final = b"\x89PNG\r\n\x1a\n"


def hidden_sizes(kind: Format, encoded: bytes) -> Iterator[tuple[int, int]]:
    """(width, height) in pixels of a WebP's canvas and of the pictures within other formats."""
    if kind is Format.WEBP and encoded[12:16] == b"VP8X":
        yield _little(encoded, 24, 3) + 1, _little(encoded, 27, 3) + 1
    elif kind is Format.WEBP and encoded[12:16] == b"VP8L":
        bits = _little(encoded, 21, 4)
        yield (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind is Format.WEBP:
        yield _little(encoded, 26, 2) & 0x3FFF, _little(encoded, 28, 2) & 0x3FFF
    elif kind in (Format.HEIC, Format.AVIF):
        yield from _of_items(encoded)
    elif kind in (Format.ICO, Format.CUR):
        for entry in range(_little(encoded, 4, 2)):
            yield _within_icon(encoded, _little(encoded, 6 + 16 * entry + 12, 4))


def _of_items(encoded: bytes) -> Iterator[tuple[int, int]]:
    """The picture itself, the cells it is made of, its thumbnail and the like."""
    meta = find_box(encoded, b"meta")
    at = -1 if meta is None else encoded.find(_EXTENT, meta.start, meta.end)
    for _ in range(_MOST_ITEMS):
        if meta is None or at < 0:
            return
        width, height = encoded[at + 8 : at + 12], encoded[at + 12 : at + 16]
        yield int.from_bytes(width, "big"), int.from_bytes(height, "big")
        at = encoded.find(_EXTENT, at + 4, meta.end)


def _within_icon(encoded: bytes, at: int) -> tuple[int, int]:
    if encoded.startswith(_PNG, at):
        width, height = encoded[at + 16 : at + 20], encoded[at + 20 : at + 24]
        return int.from_bytes(width, "big"), int.from_bytes(height, "big")
    # A bitmap of twice the height: the picture and its mask.
    return _little(encoded, at + 4, 4), _little(encoded, at + 8, 4) // 2


def _little(encoded: bytes, at: int, wide: int) -> int:
    return int.from_bytes(encoded[at : at + wide], "little")
