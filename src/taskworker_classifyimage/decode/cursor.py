"""Windows cursors, which are icons but for their hot spots."""

from typing import Final

_HEADER_BYTES: Final = 6
_ENTRY_BYTES: Final = 16


def as_icon(encoded: bytes) -> bytes:
    """A cursor as an icon, for whose transparency, and whose PNGs, there is a decoder.

    Where a cursor's entries have hot spots, an icon's have planes and bits of a pixel; a bitmap has
    those too, from its 13th byte on.
    """
    icon = bytearray(encoded)
    icon[2] = 1
    end = _HEADER_BYTES + int.from_bytes(encoded[4:6], "little") * _ENTRY_BYTES
    for at in range(_HEADER_BYTES, min(end, len(encoded) - _ENTRY_BYTES), _ENTRY_BYTES):
        bitmap = int.from_bytes(encoded[at + 12 : at + 16], "little")
        bits = encoded[bitmap + 12 : bitmap + 16]
        if len(bits) == 4:
            icon[at + 4 : at + 8] = bits
    return bytes(icon)
