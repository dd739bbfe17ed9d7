"""The paths of what failed, in the form that `--files-from` reads."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from taskworker_classifyimage.atomic_file import rename_flushed
from taskworker_classifyimage.local.rows import Row

_CHUNK_BYTES: Final = 2**20


class FailedList:
    """A list that is written as rows come; separated by lines, or by zero bytes if it has to be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._has_lines = True

    def begin(self) -> Self:
        """Begins an empty list; raises `OSError` if it cannot be written."""
        self._part.write_bytes(b"")
        return self

    def add(self, rows: Iterable[Row]) -> None:
        """Adds those of the rows that failed."""
        paths = [os.fsencode(row.path) for row in rows if row.status == "failed"]
        # A path may hold the end of a line, and no zero byte.
        self._has_lines &= not any(b"\n" in path or path.endswith(b"\r") for path in paths)
        if paths:
            with self._part.open("ab") as file:
                file.write(b"\0".join(paths) + b"\0")

    def finish(self) -> None:
        """Completes the list."""
        if self._has_lines:
            lines = self._part.with_name(f"{self._path.name}.part2")
            with self._part.open("rb") as source, lines.open("wb") as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk.replace(b"\0", b"\n"))
            lines.replace(self._part)
        rename_flushed(self._part, self._path)
