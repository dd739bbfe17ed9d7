"""How long a file says it is, for the formats whose decoders want all of it or nothing."""

from taskworker_classifyimage.decode.boxes import boxes
from taskworker_classifyimage.decode.identify import Format

_JPEG_2000_TILE = b"\xff\x90\0\x0a"
#: What HEIC and AVIF files are made of; anything else at the top is what somebody left behind them.
_HEIF_BOXES = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid")


def stated_bytes(kind: Format, encoded: bytes) -> int:
    """The whole file's length by its own header, 0 for formats whose headers do not tell."""
    if kind is Format.WEBP:
        return 8 + int.from_bytes(encoded[4:8], "little")
    if kind in (Format.HEIC, Format.AVIF):
        return max((box.end for box in boxes(encoded) if box.kind in _HEIF_BOXES), default=0)
    return _jpeg_2000(encoded) if kind is Format.JPEG_2000 else 0


def _jpeg_2000(encoded: bytes) -> int:
    """By the lengths of its tiles' parts (ITU-T T.800, annex A.4.2)."""
    at = encoded.find(_JPEG_2000_TILE)
    while at >= 0 and encoded.startswith(_JPEG_2000_TILE, at):
        size = int.from_bytes(encoded[at + 6 : at + 10], "big")
        if size < 14:  # 0: the tile goes on to the end, wherever that is
            return 0
        at += size
    return at + 2 if at >= 0 else 0
