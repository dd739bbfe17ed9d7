"""A case file and the folder of its media: what a run classifies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ConfigError, FileMissing, connection_reason, printable
from taskworker_classifyimage.local.found import Found, facts_of
from taskworker_classifyimage.local.vics.pieces import Medium, read_pieces
from taskworker_classifyimage.local.vics.stored import PathRefused, StoredFiles

#: Paths that are told by name; all are in the outputs.
_MOST_TOLD: Final = 100


@dataclass(slots=True)
class Case:
    """A case of Project VIC.

    Attributes:
        path: its file.
        folder: what the paths of its media are relative to.
        tell: called with a line for each of the first paths that are not followed.
        media: how many it has; known after `check`.
    """

    path: Path
    folder: Path
    tell: Callable[[str], None] = lambda _line: None
    media: int = 0
    _stored: StoredFiles = field(init=False)

    def __post_init__(self) -> None:
        self._stored = StoredFiles(self.folder)

    def check(self) -> None:
        """Reads the whole file once, since an hour later is too late to learn that it is damaged.

        Raises:
            ConfigError: it is, or the folder is missing, or no medium has a file.
        """
        if not self.path.is_file():
            raise ConfigError(f"--vics: {self.path} is not a file")
        if not self.folder.is_dir():
            raise ConfigError(f"--vics-files: {self.folder} is not a folder")
        self.media, have_file = 0, False
        try:
            for medium in self.read_media():
                self.media += 1
                have_file = have_file or bool(_path_in(medium))
        except OSError as err:
            raise ConfigError(f"--vics {self.path}: {connection_reason(err)}") from None
        if not have_file:
            raise ConfigError(
                f"--vics {self.path}: none of its {self.media:,} media has a RelativeFilePath, so "
                "there is nothing to classify"
            )

    def read_media(self) -> Iterator[Medium]:
        """Its media; raises `CaseDamaged` or `OSError`."""
        return (piece for piece in read_pieces(self.path) if isinstance(piece, Medium))

    def find(self) -> Iterator[Found]:
        """The files of its media; several media may name one.

        A path that is not followed ends with a problem, under a name that opens nothing.
        """
        refused = 0
        for medium in self.read_media():
            try:
                path = self.locate(medium)
            except PathRefused as err:
                refused += 1
                reason = f"its RelativeFilePath {err}: {printable(str(_path_in(medium)))}"
                if refused <= _MOST_TOLD:
                    self.tell(f"medium {medium.number}: {reason}")
                name = f"{self.path}#medium {medium.number}"
                yield Found(name, problem=FileMissing(reason))
                continue
            if path is not None:
                yield Found(path, *facts_of(path))

    def locate(self, medium: Medium) -> str | None:
        """The path of a medium's file, whether or not it is there; None: it names none.

        Raises:
            PathRefused: it names something else.
        """
        named = _path_in(medium)
        return self._stored.find(named) if named else None


def _path_in(medium: Medium) -> str | None:
    named = medium.fields.get("relativefilepath")
    return named if isinstance(named, str) else None
