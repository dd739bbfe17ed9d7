"""What the user named, for a run on a cluster: also object stores, and lists in Parquet."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple, cast

from taskworker_classifyimage.cluster.files import (
    Entry,
    explain,
    is_address,
    list_folder,
    look_at,
    open_file,
)
from taskworker_classifyimage.errors import ConfigError, one_line
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.sources import STDIN, Sources
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.outputs.parquet_file import import_pyarrow

#: Rows of a list that are in memory at once.
_ROWS: Final = 10_000
#: The column of a list that has the paths, and the one that may have sizes in bytes.
_PATH: Final = "path"
_SIZE: Final = "size"


class _Named(NamedTuple):
    """What filters want to know of a file."""

    name: str


@dataclass(slots=True)
class ClusterSources:
    """Files, folders, patterns and lists.

    Attributes:
        paths: on this machine, or addresses of files and folders in object stores.
        walk: how folders are walked.
        files_from: a list of paths: text, or Parquet with a column `path`.
    """

    paths: Sequence[str]
    walk: Walk
    files_from: str | None

    def check(self) -> None:
        """Checks before anything starts that all that is named is there.

        Raises:
            ConfigError: it is not.
        """
        if STDIN in self.paths or self.files_from == STDIN:
            raise ConfigError("--engine ray reads no standard input; name files, folders or a list")
        self._local().check()
        for path in filter(is_address, self.paths):
            try:
                entry = look_at(path)
            except OSError as err:
                raise ConfigError(f"{path}: {explain(err)}") from None
            if entry is None:
                raise ConfigError(f"{path} does not exist")
        if self._has_table:
            _open_list(cast("str", self.files_from))

    @property
    def may_repeat(self) -> bool:
        """Whether the same file may come more than once."""
        return self.files_from is not None or len(self.paths) > 1 or glob.has_magic(self.paths[0])

    def find(self) -> Iterator[Found]:
        """The files, in the order in which they are found."""
        in_stores = (self._find_in_store(path) for path in filter(is_address, self.paths))
        rows = _read_list(cast("str", self.files_from)) if self._has_table else iter(())
        return chain(self._local().find(), chain.from_iterable(in_stores), rows)

    @property
    def _has_table(self) -> bool:
        return self.files_from is not None and self.files_from.lower().endswith(".parquet")

    def _local(self) -> Sources:
        paths = [path for path in self.paths if not is_address(path)]
        return Sources(paths, self.walk, None if self._has_table else self.files_from)

    def _find_in_store(self, address: str) -> Iterator[Found]:
        entry = look_at(address)
        if entry is not None and not entry.is_folder:
            yield _to_found(entry)
            return
        waiting = [(address, "")]
        while waiting:
            folder, below = waiting.pop()
            folders: list[tuple[str, str]] = []
            try:
                yield from self._list(folder, below, folders)
            except OSError as err:
                self.walk.tell_unreadable(folder, explain(err))
            waiting.extend(reversed(folders))

    def _list(self, folder: str, below: str, folders: list[tuple[str, str]]) -> Iterator[Found]:
        entries = list_folder(folder)
        for entry in sorted(entries) if self.walk.is_sorted else entries:
            its_below = f"{below}/{entry.name}" if below else entry.name
            named = cast("Any", _Named(entry.name))
            if self.walk.filters.takes(named, its_below, is_folder=entry.is_folder):
                if entry.is_folder:
                    folders.append((entry.path, its_below))
                else:
                    yield _to_found(entry)


def _to_found(entry: Entry) -> Found:
    return Found(entry.path, entry.size_bytes, entry.modified_ns)


def _open_list(address: str) -> Any:
    _, parquet = import_pyarrow()
    try:
        table = parquet.ParquetFile(open_file(address))
    except OSError as err:
        raise ConfigError(f"--files-from {address}: {explain(err)}") from None
    except ValueError as err:
        raise ConfigError(f"--files-from {address}: {one_line(err)}") from None
    if _PATH not in table.schema_arrow.names:
        raise ConfigError(f"--files-from {address}: it has no column {_PATH!r}")
    return table


def _read_list(address: str) -> Iterator[Found]:
    table = _open_list(address)
    has_sizes = _SIZE in table.schema_arrow.names
    columns = [_PATH, _SIZE] if has_sizes else [_PATH]
    for batch in table.iter_batches(_ROWS, columns=columns):
        paths = batch.column(0).to_pylist()
        sizes = batch.column(1).to_pylist() if has_sizes else [None] * len(paths)
        yield from (Found(path, size) for path, size in zip(paths, sizes, strict=True) if path)
