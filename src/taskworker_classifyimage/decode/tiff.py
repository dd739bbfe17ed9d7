"""TIFF directories (TIFF 6.0; BigTIFF), read without trust: bounded, and never in a circle."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

#: More directories than any camera writes; a crafted file could chain them for ever.
_MOST_DIRECTORIES: Final = 64
_MOST_ENTRIES: Final = 1000
_MOST_VALUES: Final = 16

_TYPE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
ORIENTATION, SAMPLES, PLANAR, SAMPLE_FORMAT = 274, 277, 284, 339
TILE_WIDTH, TILE_LENGTH = 322, 323
_SUB_DIRECTORIES, _DNG_VERSION = 330, 50706

#: Photometric interpretations of pixels as the sensor has them: mosaic, and linear (DNG 1.7).
_SENSOR: Final = {32803, 34892}
#: Compressions of Nikon, Sony, Pentax, Samsung and Kodak that only their sensors' data is in.
_SENSOR_COMPRESSIONS: Final = {34713, 32767, 65535, 32769, 32770, 65000}

#: The values of the tags that hold whole numbers, by tag.
Directory = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers are written: classic TIFF with 4 bytes an offset, BigTIFF with 8."""

    order: Literal["little", "big"]
    offset_bytes: int

    @property
    def count_bytes(self) -> int:
        return 2 if self.offset_bytes == 4 else 8

    @property
    def entry_bytes(self) -> int:
        return 4 + 2 * self.offset_bytes


def directories(encoded: bytes, start: int = 0) -> Iterator[Directory]:
    """The directories of a TIFF at `start`, the first first, sub-directories after their parent."""
    order: Literal["little", "big"] = "little" if encoded[start : start + 2] == b"II" else "big"
    is_big = int.from_bytes(encoded[start + 2 : start + 4], order) == 43
    layout = _Layout(order, 8 if is_big else 4)
    at = start + (8 if is_big else 4)
    waiting = [_number(encoded, at, layout.offset_bytes, layout)]
    seen = set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        offset = waiting.pop(0)
        if offset < 8 or offset in seen or start + offset >= len(encoded):
            continue
        seen.add(offset)
        directory, following = _read(encoded, start, offset, layout)
        yield directory
        waiting = [*directory.get(_SUB_DIRECTORIES, ()), following, *waiting]


def first(directory: Directory, tag: int, default: int = 1) -> int:
    """The first value of a tag; for most tags that may be left out that means 1."""
    return directory.get(tag, (default,))[0]


def orientation_of(directory: Directory) -> int:
    """By EXIF, 1 to 8; 1 where it says nothing or nonsense."""
    orientation = first(directory, ORIENTATION)
    return orientation if 1 <= orientation <= 8 else 1


def is_camera_raw(encoded: bytes) -> bool:
    """Whether a TIFF holds what a camera's sensor saw instead of a picture."""
    if encoded[8:10] == b"CR" and encoded[2:4] in (b"*\0", b"\0*"):  # Canon's CR2
        return True
    return any(
        _DNG_VERSION in directory
        or not _SENSOR.isdisjoint(directory.get(PHOTOMETRIC, ()))
        or not _SENSOR_COMPRESSIONS.isdisjoint(directory.get(COMPRESSION, ()))
        for directory in directories(encoded)
    )


def _read(encoded: bytes, start: int, offset: int, layout: _Layout) -> tuple[Directory, int]:
    """A directory and the offset of the next one."""
    at = start + offset
    count = min(_number(encoded, at, layout.count_bytes, layout), _MOST_ENTRIES)
    at += layout.count_bytes
    directory: Directory = {}
    for _ in range(count):
        tag, values = _entry(encoded, start, at, layout)
        if values:
            directory.setdefault(tag, values)
        at += layout.entry_bytes
    return directory, _number(encoded, at, layout.offset_bytes, layout)


def _entry(encoded: bytes, start: int, at: int, layout: _Layout) -> tuple[int, tuple[int, ...]]:
    tag, kind = _number(encoded, at, 2, layout), _number(encoded, at + 2, 2, layout)
    wide = _TYPE_BYTES.get(kind, 0)
    count = min(_number(encoded, at + 4, layout.offset_bytes, layout), _MOST_VALUES)
    place = at + 4 + layout.offset_bytes
    if wide * count > layout.offset_bytes:
        place = start + _number(encoded, place, layout.offset_bytes, layout)
    if not wide or place + wide * count > len(encoded):
        return tag, ()
    return tag, tuple(_number(encoded, place + n * wide, wide, layout) for n in range(count))


def _number(encoded: bytes, at: int, wide: int, layout: _Layout) -> int:
    """0 beyond the end of the file."""
    return int.from_bytes(encoded[at : at + wide], layout.order)
