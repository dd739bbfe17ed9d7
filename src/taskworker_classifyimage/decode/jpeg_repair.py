"""Removes metadata from a JPEG that keep a decoder from opening it."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from taskworker_classifyimage.decode.jpeg_segments import read_segments, read_size

#: What segments for applications hold, by marker.
_CONTENTS: Final = {
    0xE0: "APP0",
    0xE1: "APP1 (EXIF, XMP)",
    0xE2: "APP2 (colour profile)",
    0xED: "APP13 (Photoshop's data)",
    0xEE: "APP14 (Adobe's kind of colours)",
}
_APPS: Final = range(0xE0, 0xF0)
#: The first segment that a decoder needs: a table or a frame.
_TABLE: Final = re.compile(rb"\xff[\xdb\xc0-\xc2\xc4]\0")
_MAX_SEGMENT_BYTES: Final = 65537
_MAX_TABLES: Final = 100


def without_metadata(encoded: bytes) -> Iterator[tuple[bytes, str]]:
    """Versions of a JPEG that lack some metadata, and what that is; the last one has none."""
    encoded, lost = _drop_wrong_length(encoded)
    if lost:
        yield encoded, _name(lost)
    for marker in sorted(_CONTENTS):
        if (version := _drop(encoded, {marker})) != encoded:
            yield version, _name({*lost, marker})
    yield _drop(encoded, {*_APPS}), "all metadata"


def _name(markers: set[int]) -> str:
    return ", ".join(_CONTENTS.get(each, f"APP{each & 15}") for each in sorted(markers))


def _drop(encoded: bytes, markers: set[int]) -> bytes:
    kept, at = [], 0
    for segment in read_segments(encoded):
        if segment.marker in markers:
            kept.append(encoded[at : segment.start])
            at = segment.end
    return b"".join([*kept, encoded[at:]])


def _drop_wrong_length(encoded: bytes) -> tuple[bytes, set[int]]:
    """Removes the first segment for an application whose length is wrong, up to the next table."""
    at = 2
    for segment in read_segments(encoded):
        if segment.marker in _APPS and encoded[segment.end : segment.end + 1] != b"\xff":
            break
        at = segment.end
    else:
        # The reader stops at a length below 2.
        if encoded[at : at + 1] != b"\xff" or encoded[at + 1] not in _APPS:
            return encoded, set()
    # A thumbnail within the metadata has tables of its own.
    starts = (each.start() for each in _TABLE.finditer(encoded, at, at + _MAX_SEGMENT_BYTES))
    best = max(islice(starts, _MAX_TABLES), key=lambda each: _area(encoded, each), default=at)
    return (encoded[:at] + encoded[best:], {encoded[at + 1]}) if best > at else (encoded, set())


def _area(encoded: bytes, at: int) -> int:
    width, height = read_size(encoded, at - 2)
    return width * height
