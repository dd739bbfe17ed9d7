"""Finds the files in folders, one after another, whatever their number."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from taskworker_classifyimage.errors import connection_reason
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import Found, to_time


@dataclass(slots=True)
class Walk:
    """How folders are walked.

    Links to files are followed, links to folders are not: they could lead in circles, or to the
    same pictures again.

    Attributes:
        filters: what is left out.
        is_sorted: whether the files of each folder come in the order of their names, before its
            folders; else as the system finds them.
        tell_unreadable: called with a folder that cannot be read, and the reason.
        own: absolute paths of the files that this run writes: these, and files whose names only add
            an ending, are left out.
    """

    filters: Filters
    is_sorted: bool = False
    tell_unreadable: Callable[[str, str], None] = lambda _folder, _reason: None
    own: frozenset[str] = frozenset()

    def find(self, folder: str) -> Iterator[Found]:
        """The files in a folder and in the folders below it."""
        waiting = [(folder, "")]
        while waiting:
            path, below = waiting.pop()
            folders: list[tuple[str, str]] = []
            try:
                yield from self._list(path, below, folders)
            except OSError as err:
                self.tell_unreadable(path, connection_reason(err))
            if self.is_sorted:
                folders.sort()
            # The first one found is the next one, as people expect of a tree.
            waiting.extend(reversed(folders))

    def _list(self, folder: str, below: str, folders: list[tuple[str, str]]) -> Iterator[Found]:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name) if self.is_sorted else entries
            for entry in ordered:
                its_below = f"{below}/{entry.name}" if below else entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder:
                    if self.filters.takes(entry, its_below, is_folder=True) and not self._is_own(
                        entry.path
                    ):
                        folders.append((entry.path, its_below))
                elif (found := self._look_at(entry, its_below)) is not None:
                    yield found

    def _look_at(self, entry: "os.DirEntry[str]", below: str) -> Found | None:
        """None for what is no file: links to folders, to nothing or in circles, and FIFOs."""
        try:
            if not entry.is_file():
                return None
            facts = entry.stat()
        except OSError as err:
            if err.errno == errno.ELOOP:
                return None
            # Reading it will tell why.
            return Found(entry.path) if self.filters.takes(entry, below, is_folder=False) else None
        if self._is_own(entry.path) or not self.filters.takes(entry, below, is_folder=False):
            return None
        return Found(entry.path, facts.st_size, to_time(facts.st_mtime_ns))

    def _is_own(self, path: str) -> bool:
        if not self.own:
            return False
        whole = os.path.abspath(path)
        return any(whole == own or whole.startswith(f"{own}.") for own in self.own)
