"""Everything that a run looks at: files, folders, patterns, lists of files, archives."""

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, Final

from taskworker_classifyimage.errors import ConfigError, connection_reason
from taskworker_classifyimage.local.found import Found, facts_of
from taskworker_classifyimage.local.vics.case import Case
from taskworker_classifyimage.local.walk import Walk

#: Standard input, in the place of a path.
STDIN: Final = "-"
_CHUNK_BYTES: Final = 2**16
#: Longer than any path that a system accepts.
_MOST_PATH_BYTES: Final = 2**16


@dataclass(slots=True)
class Sources:
    """What the user named.

    Attributes:
        paths: files, folders, patterns with `*`, `?` and `[...]`.
        walk: how folders are walked.
        files_from: a file with the path of a file on each line, or separated by zero bytes; "-":
            standard input.
        looks_into_archives: whether zip and tar archives are looked into.
        case: a case of Project VIC.
    """

    paths: Sequence[str]
    walk: Walk
    files_from: str | None = None
    looks_into_archives: bool = False
    case: Case | None = None

    def check(self) -> None:
        """Checks before anything starts that all that is named is there.

        Raises:
            ConfigError: it is not.
        """
        if self.files_from not in (None, STDIN) and not os.path.isfile(str(self.files_from)):
            raise ConfigError(f"--files-from: {self.files_from} is not a file")
        for path in self.paths:
            if path != STDIN and not os.path.lexists(path) and next(_expand(path), None) is None:
                if glob.has_magic(path):
                    raise ConfigError(f"no file matches {path}")
                raise ConfigError(f"{path} does not exist")
        if self.case is not None:
            self.case.check()

    @property
    def may_repeat(self) -> bool:
        """Whether the same file may come more than once."""
        has_list = self.files_from is not None or self.case is not None
        return has_list or len(self.paths) > 1 or glob.has_magic(self.paths[0])

    @property
    def can_be_counted(self) -> bool:
        """Whether the files can be found twice, without reading them."""
        return self.files_from != STDIN and STDIN not in self.paths and not self.looks_into_archives

    def find(self) -> Iterator[Found]:
        """The files, in the order in which they are found."""
        named = chain.from_iterable(map(_expand, self.paths))
        for path in chain(named, _read_list(self.files_from)):
            if path == STDIN:
                yield Found(path, open_member=lambda: sys.stdin.buffer)
                continue
            if os.path.isdir(path):
                found = self.walk.find(path)
            else:
                found = iter([Found(path, *facts_of(path))])
            yield from chain.from_iterable(map(self._look_into, found))
        if self.case is not None:
            yield from self.case.find()

    def _look_into(self, found: Found) -> Iterator[Found]:
        if not self.looks_into_archives:
            yield found
            return
        from taskworker_classifyimage.local.archives import find_members, is_archive  # noqa: PLC0415 - for few

        yield from find_members(found) if is_archive(found.path) else (found,)


def _expand(path: str) -> Iterator[str]:
    """What a pattern matches; Windows' shells leave that to programs."""
    if not os.path.lexists(path) and glob.has_magic(path):
        return glob.iglob(path, recursive=True)
    return iter([path] if path == STDIN or os.path.lexists(path) else [])


def _read_list(name: str | None) -> Iterator[str]:
    if name is None:
        return
    try:
        if name == STDIN:
            yield from _split(sys.stdin.buffer)
            return
        with open(name, "rb") as file:
            yield from _split(file)
    except OSError as err:
        raise ConfigError(f"--files-from {name}: {connection_reason(err)}") from None


def _split(file: IO[bytes]) -> Iterator[str]:
    """Separates paths by zero bytes if the first part of the list has one, else by lines."""
    begun = file.read1(_CHUNK_BYTES) if hasattr(file, "read1") else file.read(_CHUNK_BYTES)
    end = b"\0" if b"\0" in begun else b"\n"
    rest = begun
    while True:
        *whole, rest = rest.split(end)
        for path in whole:
            yield from _decode(path, end)
        if len(rest) > _MOST_PATH_BYTES:
            raise ConfigError("--files-from: it holds something that is too long to be a path")
        more = file.read1(_CHUNK_BYTES) if hasattr(file, "read1") else file.read(_CHUNK_BYTES)
        if not more:
            yield from _decode(rest, end)
            return
        rest += more


def _decode(path: bytes, end: bytes) -> Iterator[str]:
    if end == b"\n":
        path = path.removesuffix(b"\r")
    if path:
        yield os.fsdecode(path)
