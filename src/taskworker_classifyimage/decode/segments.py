"""The marker segments at the start of a JPEG (ITU-T T.81, annex B)."""

from collections.abc import Iterator
from typing import Final

START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
#: Far more than any camera or program writes; a crafted file could hold millions.
_MOST: Final = 1000
#: Frames that are decoded: baseline, extended, progressive.
_FRAMES: Final = (0xC0, 0xC1, 0xC2)
#: Lossless, with or without arithmetic coding (annex H), and JPEG-LS (ITU-T T.87).
_OTHER_FRAMES: Final = (0xC3, 0xCB, 0xF7)
_PROGRESSIVE: Final = 0xC2


def segments(encoded: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """(marker, offset of the marker) up to the first scan of the JPEG that starts there."""
    at = start + 2
    for _ in range(_MOST):
        if at + 4 > len(encoded) or encoded[at] != 0xFF:
            return
        marker, length = encoded[at + 1], int.from_bytes(encoded[at + 2 : at + 4], "big")
        if length < 2 or marker == _END_OF_IMAGE:
            return
        yield marker, at
        if marker == START_OF_SCAN:
            return
        at += 2 + length


def size(encoded: bytes, start: int) -> tuple[int, int]:
    """Width and height of the JPEG that starts there, (0, 0) if none does that is decoded."""
    for marker, at in segments(encoded, start):
        if marker in _FRAMES and encoded[at + 4 : at + 5] == b"\x08":
            height = int.from_bytes(encoded[at + 5 : at + 7], "big")
            return int.from_bytes(encoded[at + 7 : at + 9], "big"), height
    return 0, 0


def is_of_another_kind(encoded: bytes) -> bool:
    """Whether it is a sound JPEG that is not decoded: lossless, JPEG-LS, or of over 8 bits."""
    for marker, at in segments(encoded):
        if marker in _FRAMES or marker in _OTHER_FRAMES:
            return marker in _OTHER_FRAMES or encoded[at + 4 : at + 5] > b"\x08"
    return False


def is_progressive(encoded: bytes) -> bool:
    """Whether the picture comes in passes of growing detail."""
    return any(marker == _PROGRESSIVE for marker, _ in segments(encoded))


def has_later_pass(encoded: bytes) -> bool:
    """Whether a progressive picture's second pass begins, so that its first one is whole."""
    return encoded.find(b"\xff\xda", _first_scan(encoded) + 2) >= 0


def has_end(encoded: bytes) -> bool:
    """Whether the picture ends before the file does; a preview within its tables does not count."""
    return encoded.find(b"\xff\xd9", _first_scan(encoded)) >= 0


def without_cut_segment(encoded: bytes) -> bytes:
    """A JPEG up to its last table or scan header, if that one is cut."""
    at = max(encoded.rfind(marker) for marker in (b"\xff\xda", b"\xff\xc4", b"\xff\xdb"))
    length = int.from_bytes(encoded[at + 2 : at + 4], "big")
    return encoded[:at] if at > 0 and at + 2 + length >= len(encoded) else encoded


def _first_scan(encoded: bytes) -> int:
    """Its offset; that of the file's end if there is none."""
    return next((at for marker, at in segments(encoded) if marker == START_OF_SCAN), len(encoded))
