"""TIFF directories (TIFF 6.0; BigTIFF), read without trust: bounded, and never in a circle."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

#: The start of a TIFF: classic or BigTIFF, in either byte order.
SIGNATURES: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

#: More directories than any camera writes; a crafted file could chain any number of them.
_MAX_DIRECTORIES: Final = 64
_MAX_ENTRIES: Final = 1000
_MAX_VALUES: Final = 16
#: Enough for the strips of any picture and for a palette.
_MAX_LONG_VALUES: Final = 2**20

#: Bytes a value, by type.
_TYPE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}
#: A fraction: two numbers of 4 bytes.
_FRACTION: Final = 5

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
ORIENTATION, SAMPLES, PLANAR, SAMPLE_FORMAT = 274, 277, 284, 339
TILE_WIDTH, TILE_LENGTH = 322, 323
DNG_VERSION = 50706
_SUB_DIRECTORIES = 330

#: The values of the tags that hold whole numbers, by tag.
Directory = dict[int, tuple[int, ...]]


def read_directories(encoded: bytes, start: int = 0) -> Iterator[Directory]:
    """The directories of the TIFF at `start`, in order; sub-directories follow their parent."""
    reader = _make_reader(encoded, start, _MAX_VALUES)
    waiting = [reader.number(8 if reader.offset_bytes == 8 else 4, reader.offset_bytes)]
    seen = set[int]()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        offset = waiting.pop(0)
        if offset < 8 or offset in seen or start + offset >= len(encoded):
            continue
        seen.add(offset)
        directory, following = reader.directory(offset)
        yield directory
        waiting = [*directory.get(_SUB_DIRECTORIES, ()), following, *waiting]


def read_long_values(encoded: bytes) -> Directory:
    """All values of the first directory, also of tags that have many, and both of each fraction."""
    reader = _make_reader(encoded, 0, _MAX_LONG_VALUES)
    offset = reader.number(8 if reader.offset_bytes == 8 else 4, reader.offset_bytes)
    return reader.directory(offset)[0] if 8 <= offset < len(encoded) else {}


def read_order(encoded: bytes) -> Literal["little", "big"]:
    """The order of bytes."""
    return "little" if encoded[:2] == b"II" else "big"


def first_value(directory: Directory, tag: int, default: int = 1) -> int:
    """The first value of a tag; most optional tags default to 1."""
    return directory.get(tag, (default,))[0]


def read_orientation(directory: Directory) -> int:
    """By EXIF, 1 to 8; 1 if it is missing or invalid."""
    orientation = first_value(directory, ORIENTATION)
    return orientation if 1 <= orientation <= 8 else 1


def _make_reader(encoded: bytes, start: int, max_values: int) -> "_Reader":
    order: Literal["little", "big"] = "little" if encoded[start : start + 2] == b"II" else "big"
    is_big = int.from_bytes(encoded[start + 2 : start + 4], order) == 43
    # Classic TIFF has offsets of 4 bytes, BigTIFF of 8.
    return _Reader(encoded, start, order, 8 if is_big else 4, max_values)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads a TIFF within a file; all offsets are those of the TIFF."""

    encoded: bytes
    start: int
    order: Literal["little", "big"]
    offset_bytes: int
    max_values: int

    def number(self, offset: int, count: int) -> int:
        """A number of `count` bytes; bytes beyond the end of the file are left out."""
        at = self.start + offset
        return int.from_bytes(self.encoded[at : at + count], self.order)

    def directory(self, offset: int) -> tuple[Directory, int]:
        """A directory and the offset of the next one."""
        count_bytes = 2 if self.offset_bytes == 4 else 8
        entries = min(self.number(offset, count_bytes), _MAX_ENTRIES)
        offset += count_bytes
        directory: Directory = {}
        for _ in range(entries):
            if values := self._values(offset):
                directory.setdefault(self.number(offset, 2), values)
            offset += 4 + 2 * self.offset_bytes
        return directory, self.number(offset, self.offset_bytes)

    def _values(self, offset: int) -> tuple[int, ...]:
        """An entry's values; none if they are no whole numbers or not in the file."""
        kind = self.number(offset + 2, 2)
        # The two numbers of a fraction are values of their own.
        count_bytes, times = (4, 2) if kind == _FRACTION else (_TYPE_BYTES.get(kind, 0), 1)
        count = min(self.number(offset + 4, self.offset_bytes) * times, self.max_values)
        place = offset + 4 + self.offset_bytes
        if count_bytes * count > self.offset_bytes:
            place = self.number(place, self.offset_bytes)
        end = place + count_bytes * count
        if not count_bytes or self.start + end > len(self.encoded):
            return ()
        return tuple(self.number(at, count_bytes) for at in range(place, end, count_bytes))
