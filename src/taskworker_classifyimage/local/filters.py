"""Which files of a folder are looked at: patterns, and files that the system keeps for itself."""

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Final

#: Files and folders that hold no pictures of the user's; in lower case.
_SYSTEM: Final = frozenset(
    (
        "$recycle.bin",
        "#recycle",
        "@eadir",
        "desktop.ini",
        "ehthumbs.db",
        "lost+found",
        "system volume information",
        "thumbs.db",
    )
)
#: Files beside pictures that describe them.
_SIDECAR: Final = ".xmp"
_HIDDEN: Final = getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0) | getattr(
    stat, "FILE_ATTRIBUTE_SYSTEM", 0
)


@dataclass(slots=True)
class Filters:
    """What is left out.

    A pattern without a slash matches the name of a file, or for `exclude` that of a folder; with
    one, the path below the folder that was named. `*` and `?` stand for any characters; capitals
    do not matter.

    Attributes:
        hidden, excluded: how many files and folders were left out so far.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    takes_all: bool = False
    hidden: int = 0
    excluded: int = 0
    _include: "_Patterns" = field(init=False)
    _exclude: "_Patterns" = field(init=False)

    def __post_init__(self) -> None:
        self._include, self._exclude = _Patterns(self.include), _Patterns(self.exclude)

    def takes(self, entry: "os.DirEntry[str]", below: str, *, is_folder: bool) -> bool:
        """Whether to look at it; counts it if not.

        Args:
            entry: the file or folder.
            below: its path below the folder that was named.
            is_folder: whether it is a folder.
        """
        if not self.takes_all and _is_hidden(entry):
            self.hidden += 1
            return False
        if self._exclude.match(entry.name, below):
            self.excluded += 1
            return False
        if self.include and not is_folder and not self._include.match(entry.name, below):
            self.excluded += 1
            return False
        return True


class _Patterns:
    def __init__(self, patterns: Sequence[str]) -> None:
        normal = [pattern.replace(os.sep, "/").strip("/") for pattern in patterns]
        self._names = _compile([pattern for pattern in normal if "/" not in pattern])
        self._paths = _compile([pattern for pattern in normal if "/" in pattern])

    def match(self, name: str, below: str) -> bool:
        if self._names is not None and self._names.match(name):
            return True
        return self._paths is not None and bool(self._paths.match(below.replace(os.sep, "/")))


def _compile(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(translate, patterns)), re.IGNORECASE) if patterns else None


def _is_hidden(entry: "os.DirEntry[str]") -> bool:
    name = entry.name
    if name.startswith(".") or name.lower() in _SYSTEM or name.lower().endswith(_SIDECAR):
        return True
    if not _HIDDEN or os.name != "nt":
        return False
    return bool(getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0) & _HIDDEN)
