"""Which file a medium names: paths come from other programs, other systems and strangers."""

import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

_SEPARATORS: Final = re.compile(r"[\\/]+")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
#: Folders whose names are in memory at once.
_FOLDERS: Final = 16


class PathRefused(Exception):
    """A path that is not followed; the message says why."""


class StoredFiles:
    """The files in and below one folder."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder that paths are relative to; looks at nothing yet."""
        self._folder = str(folder)
        self._name = _fold(os.path.basename(os.path.abspath(folder)))
        self._names = lru_cache(_FOLDERS)(_read_names)
        self._is_inside = lru_cache(_FOLDERS)(self._look_inside)

    def find(self, named: str) -> str:
        r"""The path of a file.

        Args:
            named: relative, divided by `\` or `/`; capitals may differ from those of the file. It
                may begin with the name of the folder itself.

        Returns:
            A path in the folder. If there is no such file, the path where it should be.

        Raises:
            PathRefused: the path or a link leads out of the folder, or it is no path.
        """
        parts = _split(named)
        found = self._look(parts)
        if found is None and len(parts) > 1 and _fold(parts[0]) == self._name:
            found = self._look(parts[1:])
        return found or os.path.join(self._folder, *parts)

    def _look(self, parts: list[str]) -> str | None:
        path: str | None = os.path.join(self._folder, *parts)
        if path is not None and not os.path.lexists(path):
            path = self._look_without_case(parts)
        if path is not None:
            self._check_inside(path)
        return path

    def _look_without_case(self, parts: list[str]) -> str | None:
        """The one file whose path differs in capitals only."""
        path = self._folder
        for part in parts:
            try:
                name = self._names(path).get(_fold(part))
            except OSError:
                return None
            if name is None:
                return None
            path = os.path.join(path, name)
        return path

    def _check_inside(self, path: str) -> None:
        """Links may lead anywhere."""
        is_inside = self._is_inside(os.path.dirname(path))
        if not is_inside or (os.path.islink(path) and not self._look_inside(path)):
            raise PathRefused("is a link out of the folder")

    def _look_inside(self, path: str) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._folder))


def _split(named: str) -> list[str]:
    if named.startswith(("/", "\\")) or _DRIVE.match(named):
        raise PathRefused("is not relative")
    parts = [part for part in _SEPARATORS.split(named) if part not in ("", ".")]
    # Windows leaves out dots and blanks at the end of a name.
    if any(not part.strip(". ") for part in parts):
        raise PathRefused("leads out of the folder")
    if not parts or not _can_be_named(parts):
        raise PathRefused("is no path")
    return parts


def _can_be_named(parts: list[str]) -> bool:
    """Whether the system can have a file of such a name; Windows means streams by colons."""
    if any("\0" in part or (os.name == "nt" and ":" in part) for part in parts):
        return False
    try:
        os.fsencode("".join(parts))
    except UnicodeEncodeError:
        return False
    return True


def _read_names(folder: str) -> dict[str, str | None]:
    """The names in a folder by what they have in common without capitals; None: several."""
    names: dict[str, str | None] = {}
    for name in os.listdir(folder):
        key = _fold(name)
        names[key] = None if key in names else name
    return names


def _fold(name: str) -> str:
    # macOS and archives made there take letters with accents apart.
    return unicodedata.normalize("NFC", name).casefold()
