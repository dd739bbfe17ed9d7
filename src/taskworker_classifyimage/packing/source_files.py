"""The files of a source: a folder, a zip, or one file and what lies beside it."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.class_lines import read_class_lines
from taskworker_classifyimage.classify.model_pack import (
    DESCRIPTION_LIMIT_BYTES,
    MODEL_LIMIT_BYTES,
    ZIP_ERRORS,
    ZIP_METHODS,
    read_member,
)
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing.class_names import is_ilsvrc2012

_MOST_MEMBERS: Final = 10_000
#: Weights hardly shrink, so an honest zip unpacks to little more than its own size.
_MOST_GROWTH: Final = 50
_ALWAYS_ALLOWED_BYTES: Final = 64 * 2**20
_CHUNK_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """Where the files of a source are.

    Attributes:
        given: what the user named, for messages and names.
        folder: has the files; those of a zip are there for as long as it is open.
        file: the one file that the user named; None for a folder or a zip.
    """

    given: Path
    folder: Path
    file: Path | None

    def find(self, *patterns: str) -> Path | None:
        """The network's file: the one that was named, or the first in the folder, if it fits.

        Args:
            patterns: names below the folder such as `keras_model.h5` and `onnx/*.onnx`, in order.
        """
        if self.file is not None:
            return self.file if any(map(self.file.match, patterns)) else None
        found = (path for pattern in patterns for path in sorted(self.folder.glob(pattern)))
        return next((path for path in found if path.is_file()), None)

    def beside(self, name: str) -> Path | None:
        """A file that describes the network, in the folder, or beside the file that was named."""
        path = self.folder / name
        return path if path.is_file() else None


def read_small(path: Path) -> bytes:
    """The content of a file that describes a network.

    Raises:
        ModelError: it cannot be read, or has more than 4 MiB.
    """
    return read_member(path.parent, path.name, DESCRIPTION_LIMIT_BYTES)


def read_labels(files: SourceFiles) -> OwnClasses | None:
    """The classes in `labels.txt`, in which most tools put them.

    Returns:
        None if there is no such file, or if they are those of ILSVRC2012.

    Raises:
        ModelError: it is not a class a line.
    """
    path = files.beside("labels.txt")
    return None if path is None else read_label_lines(read_small(path), str(path))


def read_label_lines(content: bytes, subject: str) -> OwnClasses | None:
    """The classes of a file of labels that a tool wrote; None for those of ILSVRC2012.

    Raises:
        ModelError: it is not a class a line.
    """
    classes = read_class_lines(content, subject, may_repeat=True)
    names = classes.names.get("en", classes.ids)
    return None if is_ilsvrc2012(names) else classes


def read_table(path: Path) -> dict[str, Any]:
    """The table in a JSON file that describes a network; empty if there is no such file.

    Raises:
        ModelError: it cannot be read, or is no table.
    """
    if not path.is_file():
        return {}
    try:
        table = json.loads(read_small(path))
    except (ValueError, RecursionError) as err:
        raise ModelError(f"{path} is not valid JSON: {err}") from None
    if not isinstance(table, dict):
        raise ModelError(f"{path} is not a table")
    return table


@contextmanager
def open_files(given: Path) -> Iterator[SourceFiles]:
    """Gives the files of a source; a zip is unpacked, with limits, until the end.

    Raises:
        ConfigError: there is nothing.
        ModelError: it is no zip, or one that does not unpack to a network's files.
    """
    if given.is_dir():
        yield SourceFiles(given, given, None)
    elif not given.is_file():
        raise ConfigError(f"there is no file {given}")
    elif given.suffix.lower() != ".zip":
        yield SourceFiles(given, given.parent, given)
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary).resolve()
            _unpack(given, folder)
            try:
                yield SourceFiles(given, _innermost(folder), None)
            except (ConfigError, ModelError) as err:
                # The folder named in the message will be gone.
                raise type(err)(str(err).replace(str(folder), str(given))) from err


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            _check(path, members)
            for member in members:
                _unpack_member(archive, member, folder)
    except OSError as err:
        raise ModelError(f"{path} cannot be unpacked: {err.strerror or err}") from None
    except ZIP_ERRORS as err:
        raise ModelError(f"{path} is no zip that can be unpacked: {err}") from None


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuses bombs, and names that lead out of the folder."""
    if len(members) > _MOST_MEMBERS:
        raise ModelError(f"{path} has more than {_MOST_MEMBERS} files")
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if size > MODEL_LIMIT_BYTES or size > max(_ALWAYS_ALLOWED_BYTES, packed * _MOST_GROWTH):
        raise ModelError(f"{path} unpacks to {size} bytes, too many for a network")
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or any(":" in part for part in parts):
            raise ModelError(f"{path}: {member.filename!r} leads out of the zip")
        if member.compress_type not in ZIP_METHODS:
            raise ModelError(f"{path}: {member.filename!r} is compressed in a rare way")


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Writes one file; a link is written as the text that it is in the zip."""
    target = folder.joinpath(*PurePosixPath(member.filename.replace("\\", "/")).parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as stream, target.open("xb") as file:
        while chunk := stream.read(_CHUNK_BYTES):
            # zipfile gives no more than the stated size.
            file.write(chunk)


def _innermost(folder: Path) -> Path:
    """The folder with the files, if the zip has them in folders of their own."""
    while True:
        inside = [path for path in folder.iterdir() if path.name not in ("__MACOSX", ".DS_Store")]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]
