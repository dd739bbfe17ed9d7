"""Reads flatbuffers, the format of TFLite files, by field numbers.

Only what is asked for is read, so no file makes it read much; a damaged one raises `struct.error`,
`IndexError` or `ValueError`.
"""

import struct
from typing import Final, Self

#: No honest list of what is read here is longer.
_MOST: Final = 100_000


class Table:
    """One object of a flatbuffer; fields that are not there have the default."""

    def __init__(self, content: bytes, place: int) -> None:
        """Takes the file, and where the object begins in it."""
        self._content = content
        self._place = place
        (to_fields,) = struct.unpack_from("<i", content, place)
        self._fields = place - to_fields
        if self._fields < 0:
            raise ValueError("a table lies before the file")
        (self._fields_bytes,) = struct.unpack_from("<H", content, self._fields)

    @classmethod
    def root(cls, content: bytes) -> Self:
        """The outermost object."""
        return cls(content, struct.unpack_from("<I", content, 0)[0])

    def number(self, field: int, kind: str, default: float = 0) -> float:
        """A number; the kind is one of `struct`, such as "b" for a byte."""
        place = self._find(field)
        return float(struct.unpack_from(f"<{kind}", self._content, place)[0]) if place else default

    def numbers(self, field: int, kind: str) -> list[float]:
        """A list of numbers."""
        start, count = self._vector(field)
        return list(struct.unpack_from(f"<{count}{kind}", self._content, start)) if count else []

    def data(self, field: int) -> bytes:
        """Bytes of any number."""
        place = self._find(field)
        if not place:
            return b""
        start = self._follow(place)
        (count,) = struct.unpack_from("<I", self._content, start)
        return self._content[start + 4 : start + 4 + count]

    def text(self, field: int) -> str:
        """A text; what is not UTF-8 in it is replaced."""
        return self.data(field).decode("utf-8", "replace")

    def table(self, field: int) -> "Table | None":
        """Another object."""
        place = self._find(field)
        return Table(self._content, self._follow(place)) if place else None

    def tables(self, field: int) -> "list[Table]":
        """A list of objects."""
        start, count = self._vector(field)
        places = range(start, start + 4 * count, 4)
        return [Table(self._content, self._follow(place)) for place in places]

    def _find(self, field: int) -> int:
        """Where a field is; 0 if it is not there."""
        entry = 4 + 2 * field
        if entry >= self._fields_bytes:
            return 0
        (offset,) = struct.unpack_from("<H", self._content, self._fields + entry)
        return self._place + int(offset) if offset else 0

    def _follow(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self._content, place)[0])

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._find(field)
        if not place:
            return 0, 0
        start = self._follow(place)
        (count,) = struct.unpack_from("<I", self._content, start)
        if count > _MOST:
            raise ValueError(f"a list has {count} entries")
        return start + 4, int(count)
