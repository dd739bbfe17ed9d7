"""The marker segments at the start of a JPEG (ITU-T T.81, annex B)."""

from collections.abc import Iterator
from typing import Final

_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
#: Far more than any camera or program writes; a crafted file could hold millions.
_MAX_SEGMENTS: Final = 1000
#: Frames that are decoded: baseline, extended, progressive.
_DECODED_FRAMES: Final = (0xC0, 0xC1, 0xC2)
#: Lossless, with or without arithmetic coding (annex H), and JPEG-LS (ITU-T T.87).
_OTHER_FRAMES: Final = (0xC3, 0xCB, 0xF7)
_PROGRESSIVE: Final = 0xC2


def read_size(encoded: bytes, start: int) -> tuple[int, int]:
    """Width and height of the JPEG at `start`; (0, 0) if there is none that can be decoded."""
    for marker, at in _read_segments(encoded, start):
        if marker in _DECODED_FRAMES and encoded[at + 4 : at + 5] == b"\x08":
            height = int.from_bytes(encoded[at + 5 : at + 7], "big")
            return int.from_bytes(encoded[at + 7 : at + 9], "big"), height
    return 0, 0


def is_other_kind(encoded: bytes) -> bool:
    """Whether it is a JPEG of a kind that is not decoded: lossless, JPEG-LS, over 8 bits."""
    for marker, at in _read_segments(encoded):
        if marker in _DECODED_FRAMES or marker in _OTHER_FRAMES:
            return marker in _OTHER_FRAMES or encoded[at + 4 : at + 5] > b"\x08"
    return False


def is_progressive(encoded: bytes) -> bool:
    """Whether the picture comes in passes of growing detail."""
    return any(marker == _PROGRESSIVE for marker, _ in _read_segments(encoded))


def has_second_scan(encoded: bytes) -> bool:
    """Whether a second scan begins, so that the first one is complete."""
    return encoded.find(b"\xff\xda", _find_first_scan(encoded) + 2) >= 0


def has_end(encoded: bytes) -> bool:
    """Whether there is an end marker; one of a thumbnail in the metadata does not count."""
    return encoded.find(b"\xff\xd9", _find_first_scan(encoded)) >= 0


def drop_cut_segment(encoded: bytes) -> bytes:
    """Removes the last table or scan header if it is incomplete."""
    at = max(encoded.rfind(marker) for marker in (b"\xff\xda", b"\xff\xc4", b"\xff\xdb"))
    length = int.from_bytes(encoded[at + 2 : at + 4], "big")
    return encoded[:at] if at > 0 and at + 2 + length >= len(encoded) else encoded


def _read_segments(encoded: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """(marker, offset of the marker) up to the first scan of the JPEG at `start`."""
    at = start + 2
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(encoded) or encoded[at] != 0xFF:
            return
        marker, length = encoded[at + 1], int.from_bytes(encoded[at + 2 : at + 4], "big")
        if length < 2 or marker == _END_OF_IMAGE:
            return
        yield marker, at
        if marker == _START_OF_SCAN:
            return
        at += 2 + length


def _find_first_scan(encoded: bytes) -> int:
    """The offset of the first scan; the length of the file if there is none."""
    scans = (at for marker, at in _read_segments(encoded) if marker == _START_OF_SCAN)
    return next(scans, len(encoded))
