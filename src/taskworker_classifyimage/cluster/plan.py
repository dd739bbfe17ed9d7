"""Which files belong to which partition of a run: written before the first one is classified.

    _list/00000000.parquet   the files of partition 0
    part-00000000.parquet    their rows; whole, or not there

A partition always has the same files, so that a run that was killed goes on with those that have
no rows yet, and whoever does a partition a second time writes the same again.
"""

import io
import os
import re
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Final

from taskworker_classifyimage.cluster.files import Folder
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.index import SeenPaths
from taskworker_classifyimage.outputs.parquet_file import import_pyarrow

_LISTS: Final = "_list"
_LIST: Final = re.compile(r"([0-9]{8})\.parquet")
_PART: Final = re.compile(r"part-([0-9]{8})\.parquet")


class Plan:
    """The partitions of the run in a folder."""

    def __init__(self, folder: Folder) -> None:
        """Reads nothing yet."""
        self._folder = folder

    def numbers(self) -> list[int]:
        """Those that have a list; raises `OSError`."""
        return _numbers(_LIST, self._folder.names(_LISTS))

    def done(self) -> list[int]:
        """Those that have rows; raises `OSError`."""
        return _numbers(_PART, self._folder.names())

    def write(self, found: Iterable[Found], size: int, start: int) -> Iterator[int]:
        """Writes lists of so many files each, and gives the number of files in each.

        Raises:
            OSError: one cannot be written.
        """
        pa, parquet = import_pyarrow()
        fields = {"path": pa.binary(), "size": pa.int64(), "modified_ns": pa.int64()}
        schema, numbers = pa.schema(fields), count(start)
        remaining = iter(found)
        while batch := list(islice(remaining, size)):
            columns = [
                [os.fsencode(each.path) for each in batch],
                [each.size_bytes for each in batch],
                [each.modified_ns for each in batch],
            ]
            content = io.BytesIO()
            parquet.write_table(pa.table(columns, schema=schema), content, compression="zstd")
            self._folder.write(f"{_LISTS}/{next(numbers):08}.parquet", content.getvalue())
            yield len(batch)

    def read(self, number: int) -> list[Found]:
        """The files of a partition; raises `OSError`."""
        _, parquet = import_pyarrow()
        content = self._folder.read(f"{_LISTS}/{number:08}.parquet") or b""
        columns = parquet.read_table(io.BytesIO(content)).to_pydict()
        facts = zip(columns["path"], columns["size"], columns["modified_ns"], strict=True)
        return [Found(os.fsdecode(path), size, modified) for path, size, modified in facts]

    def see(self, seen: SeenPaths) -> int:
        """Notes all files that are in lists already, and gives their number; raises `OSError`."""
        total = 0
        for number in self.numbers():
            for found in self.read(number):
                seen.add(found.path)
                total += 1
        return total

    def remove(self) -> None:
        """Removes all lists and rows; raises `OSError`."""
        for name in self._folder.names():
            if _PART.fullmatch(name):
                self._folder.remove(name)
        for name in self._folder.names(_LISTS):
            if _LIST.fullmatch(name):
                self._folder.remove(f"{_LISTS}/{name}")


def part_name(number: int) -> str:
    """The file with the rows of a partition."""
    return f"part-{number:08}.parquet"


def _numbers(pattern: re.Pattern[str], names: Iterable[str]) -> list[int]:
    matches = map(pattern.fullmatch, names)
    return sorted(int(match[1]) for match in matches if match is not None)
