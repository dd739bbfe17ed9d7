"""The marker segments at the start of a JPEG (ITU-T T.81, annex B)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

START_OF_IMAGE: Final = 0xD8
END_OF_IMAGE: Final = 0xD9
START_OF_SCAN: Final = 0xDA
#: Far more than any camera or program writes; a crafted file could hold millions.
_MAX_SEGMENTS: Final = 1000
#: Stray bytes between two segments, which all decoders skip.
_MAX_STRAY_BYTES: Final = 4096
#: Frames that are decoded: baseline, extended, progressive.
_DECODED_FRAMES: Final = (0xC0, 0xC1, 0xC2)
#: Lossless, with or without arithmetic coding (annex H), and JPEG-LS (ITU-T T.87).
_OTHER_FRAMES: Final = (0xC3, 0xCB, 0xF7)


class Segment(NamedTuple):
    """One segment: its marker's second byte, the offset of the marker, and of its content."""

    marker: int
    start: int
    content: int
    end: int


def read_segments(encoded: bytes, at: int = 2) -> Iterator[Segment]:
    """The segments from `at` on, up to the header of the first scan or to the end of the image.

    Markers may have any number of fill bytes before them. The last segment may be cut.
    """
    for _ in range(_MAX_SEGMENTS):
        at = encoded.find(b"\xff", at, at + _MAX_STRAY_BYTES)
        while encoded.startswith(b"\xff\xff", at):
            at += 1
        if at < 0 or at + 4 > len(encoded):
            return
        marker, length = encoded[at + 1], int.from_bytes(encoded[at + 2 : at + 4], "big")
        if marker in (0, 1, *range(0xD0, 0xD8)):  # these have no content
            at += 2
            continue
        if length < 2 or marker in (START_OF_IMAGE, END_OF_IMAGE):
            return
        yield Segment(marker, at, at + 4, at + 2 + length)
        if marker == START_OF_SCAN:
            return
        at += 2 + length


def read_size(encoded: bytes, start: int) -> tuple[int, int]:
    """Width and height of the JPEG at `start`; (0, 0) if there is none that can be decoded."""
    for segment in read_segments(encoded, start + 2):
        at = segment.content
        if segment.marker in _DECODED_FRAMES and encoded[at : at + 1] == b"\x08":
            height = int.from_bytes(encoded[at + 1 : at + 3], "big")
            return int.from_bytes(encoded[at + 3 : at + 5], "big"), height
    return 0, 0


def is_other_kind(encoded: bytes) -> bool:
    """Whether it is a JPEG of a kind that is not decoded: lossless, JPEG-LS, over 8 bits."""
    for segment in read_segments(encoded):
        if segment.marker in _DECODED_FRAMES or segment.marker in _OTHER_FRAMES:
            bits = encoded[segment.content : segment.content + 1]
            return segment.marker in _OTHER_FRAMES or bits > b"\x08"
    return False


def has_end(encoded: bytes) -> bool:
    """Whether there is an end marker; one of a thumbnail in the metadata does not count."""
    scans = (each.end for each in read_segments(encoded) if each.marker == START_OF_SCAN)
    return encoded.find(b"\xff\xd9", next(scans, len(encoded))) >= 0


def drop_cut_segment(encoded: bytes) -> bytes:
    """Removes the last table or scan header if it is incomplete."""
    at = max(encoded.rfind(marker) for marker in (b"\xff\xda", b"\xff\xc4", b"\xff\xdb"))
    length = int.from_bytes(encoded[at + 2 : at + 4], "big")
    return encoded[:at] if at > 0 and at + 2 + length >= len(encoded) else encoded
