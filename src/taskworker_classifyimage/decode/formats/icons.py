"""Windows icons and cursors, which hold bitmaps or PNGs."""

from collections.abc import Iterator
from typing import Final

from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture

_HEADER_BYTES: Final = 6
_ENTRY_BYTES: Final = 16
#: A file that states more pictures than this is in another format.
_MAX_ENTRIES: Final = 1000
_PNG: Final = b"\x89PNG\r\n\x1a\n"


class Icon(Format):
    """ICO."""

    name = pillow_name = "ICO"
    module = "PIL.IcoImagePlugin"
    signatures = (b"\0\0\1\0",)

    def recognises(self, encoded: bytes) -> bool:
        return super().recognises(encoded) and 0 < _little(encoded, 4, 2) < _MAX_ENTRIES

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        """All pictures inside, by their own headers: the icon's entries may be false."""
        for entry in range(_little(encoded, 4, 2)):
            at = _little(encoded, _HEADER_BYTES + _ENTRY_BYTES * entry + 12, 4)
            if encoded.startswith(_PNG, at):
                width, height = encoded[at + 16 : at + 20], encoded[at + 20 : at + 24]
                yield int.from_bytes(width, "big"), int.from_bytes(height, "big")
            else:
                # A bitmap has twice the height: the picture and its mask.
                yield _little(encoded, at + 4, 4), _little(encoded, at + 8, 4) // 2


class Cursor(Icon):
    """CUR: an icon with hot spots."""

    name = "CUR"
    signatures = (b"\0\0\2\0",)

    def open(self, encoded: bytes) -> Picture:
        """Opens it as an icon: Pillow's decoder for cursors knows no transparency and no PNGs."""
        return super().open(_to_icon(encoded))


def _to_icon(encoded: bytes) -> bytes:
    """Replaces the hot spots by planes and bits a pixel, which icons have in their place.

    A bitmap repeats these two from its 13th byte on.
    """
    icon = bytearray(encoded)
    icon[2] = 1
    end = _HEADER_BYTES + _little(encoded, 4, 2) * _ENTRY_BYTES
    for at in range(_HEADER_BYTES, min(end, len(encoded) - _ENTRY_BYTES), _ENTRY_BYTES):
        bitmap = _little(encoded, at + 12, 4)
        bits = encoded[bitmap + 12 : bitmap + 16]
        if len(bits) == 4:
            icon[at + 4 : at + 8] = bits
    return bytes(icon)


def _little(encoded: bytes, at: int, count: int) -> int:
    """A little-endian number of `count` bytes; bytes beyond the end of the file are left out."""
    return int.from_bytes(encoded[at : at + count], "little")
