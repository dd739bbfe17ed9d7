"""The rows of a run on disk, as JSON lines: what a run that was killed goes on from.

Rows are only appended. A row of a file that was classified again comes later, and counts instead.
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from taskworker_classifyimage.local.index import Index
from taskworker_classifyimage.local.rows import Row

#: How often rows are flushed to the disk, so that a power cut costs no more.
_FLUSH_S: Final = 30.0
#: Rows that are indexed at once.
_BATCH: Final = 10_000


class Checkpoint:
    """A file of rows and its index; used by one thread at a time.

    Attributes:
        path: of the file.
        index: finds rows in it.
        size_bytes: of all whole rows in it.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self.path = path
        self.index = index
        self.size_bytes = 0
        self._file = -1
        self._flushed_s = time.monotonic()

    def open(self) -> None:
        """Opens it; what is left of a row that was not written to its end is cut off.

        Raises:
            OSError: it cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags, 0o666)
        self.index.open()
        until = self.index.until
        if until > os.fstat(self._file).st_size:
            # It belongs to another file.
            self.index.remove()
            self.index.open()
            until = 0
        self.size_bytes = until
        self._index_rest()
        os.ftruncate(self._file, self.size_bytes)
        os.lseek(self._file, self.size_bytes, os.SEEK_SET)

    def append(self, rows: Sequence[Row]) -> None:
        """Writes rows.

        Raises:
            OSError: not all could be written; those before them are good.
        """
        lines, starts, until = [], [], self.size_bytes
        for row in rows:
            line = row.to_json() + b"\n"
            lines.append(line)
            starts.append(until)
            until += len(line)
        self._write(b"".join(lines))
        self.size_bytes = until
        self.index.add(zip(starts, rows, strict=True), until)
        if time.monotonic() - self._flushed_s > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Makes what is written survive a power cut."""
        os.fsync(self._file)
        self._flushed_s = time.monotonic()

    def read(self, start: int) -> Row:
        """The row that starts at an offset."""
        with self.path.open("rb") as file:
            file.seek(start)
            return Row.from_json(file.readline())

    def rows(self, start: int = 0) -> Iterator[tuple[int, Row]]:
        """All rows that count, and the offset at which the next one starts."""
        has_old_rows = self.index.has_old_rows
        with self.path.open("rb") as file:
            file.seek(start)
            while start < self.size_bytes:
                row = Row.from_json(line := file.readline())
                end = start + len(line)
                if not (has_old_rows and self._is_old(row, start)):
                    yield end, row
                start = end

    def _is_old(self, row: Row, start: int) -> bool:
        entry = self.index.find(row.path)
        return entry is not None and entry.start != start

    def close(self) -> None:
        """Closes the file and its index."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self.index.close()

    def _write(self, content: bytes) -> None:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self.size_bytes)
            os.lseek(self._file, self.size_bytes, os.SEEK_SET)
            raise

    def _index_rest(self) -> None:
        """Indexes the rows that the index does not have, up to the first one that is not whole."""
        batch: list[tuple[int, Row]] = []
        for start, row, end in _read_whole(self.path, self.size_bytes):
            batch.append((start, row))
            self.size_bytes = end
            if len(batch) == _BATCH:
                self.index.add(batch, end)
                batch = []
        if batch:
            self.index.add(batch, self.size_bytes)


def _read_whole(path: Path, start: int) -> Iterator[tuple[int, Row, int]]:
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            try:
                row = Row.from_json(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                return
            if not line.endswith(b"\n"):
                return
            end = start + len(line)
            yield start, row, end
            start = end
