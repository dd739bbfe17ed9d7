"""The members of zip and tar archives, read where they are and never extracted to disk."""

import io
import os
import tarfile
import zipfile
from calendar import timegm
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import IO, Final, Self

from taskworker_classifyimage.errors import (
    DamagedPicture,
    TaskError,
    TooLarge,
    UnsupportedFormat,
    one_line,
)
from taskworker_classifyimage.local.found import Found, to_time

_ZIP: Final = (".zip", ".cbz")
#: Without xz, whose header makes a reader take gigabytes.
_TAR: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
#: Without LZMA, for the same reason.
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
#: Errors of the library's that it does not let others see; its other ones are the end.
_DAMAGES: Final = ("InvalidHeaderError", "TruncatedHeaderError")
#: The list of members of a zip archive takes ten times as much when it is read.
_MOST_LIST_BYTES: Final = 32 * 2**20
#: More members than this are no collection of pictures, and their list alone fills the memory.
_MOST_MEMBERS: Final = 1_000_000
#: What all members together may unpack to, for each byte of the archive, beyond what is usual.
_MOST_FACTOR: Final = 200
_USUAL_BYTES: Final = 2**30


def is_archive(path: str) -> bool:
    """Whether a file's name is that of an archive that can be looked into."""
    return path.lower().endswith(_ZIP + _TAR)


def find_members(archive: Found) -> Iterator[Found]:
    """The files in an archive; a damaged or boundless one ends with a problem instead.

    Each is to be read before the next one is asked for.
    """
    found = _find_in_zip if archive.path.lower().endswith(_ZIP) else _find_in_tar
    left_bytes = _USUAL_BYTES + _MOST_FACTOR * (archive.size_bytes or 0)
    try:
        for number, member in enumerate(found(archive.path)):
            left_bytes -= member.size_bytes or 0
            if left_bytes < 0:
                raise TooLarge("the archive unpacks to far more than its size")
            if number >= _MOST_MEMBERS:
                raise TooLarge(f"the archive has more than {_MOST_MEMBERS} files")
            yield member
    except TaskError as err:
        yield Found(archive.path, archive.size_bytes, archive.modified_ns, problem=err)
    except Exception as err:  # noqa: BLE001 - archives are untrusted, their libraries raise anything
        problem = DamagedPicture(f"the archive is damaged: {one_line(err)}")
        yield Found(archive.path, archive.size_bytes, archive.modified_ns, problem=problem)


def _find_in_zip(path: str) -> Iterator[Found]:
    with _ZipReader(path) as file, zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if member.compress_type not in _METHODS:
                problem = UnsupportedFormat("the archive packs it by a method that is not read")
                yield Found(_join(path, member.filename), problem=problem)
                continue
            modified_ns = None
            with suppress(ValueError, OverflowError):
                modified_ns = to_time(timegm((*member.date_time, 0, 0, 0)) * 10**9)
            opened = partial(archive.open, member)
            yield Found(_join(path, member.filename), member.file_size, modified_ns, opened)


def _find_in_tar(path: str) -> Iterator[Found]:
    # As a stream: a compressed archive is unpacked once, whatever is read of it.
    with tarfile.open(path, "r|*", tarinfo=_StrictMember) as archive:
        for member in archive:
            # The library remembers all members otherwise.
            archive.members.clear()  # type: ignore[attr-defined] # it is in the library's recipes
            if member.isreg():
                opened = partial(_open_tar_member, archive, member)
                name = _join(path, member.name)
                yield Found(name, member.size, to_time(int(member.mtime * 1e9)), opened)


class _ZipReader(io.FileIO):
    """A file of which no more than the largest list of members is read at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads so many bytes; raises `TooLarge` for more than a list of members may have."""
        most = _MOST_LIST_BYTES + 1
        read = super().read(most if size is None or size < 0 else min(size, most))
        if len(read) == most:
            raise TooLarge("the archive has more files than can be listed")
        return read


class _StrictMember(tarfile.TarInfo):
    """The library takes a damaged member for the end of its archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as err:
            if type(err).__name__ not in _DAMAGES:
                raise
            raise DamagedPicture(f"the archive is damaged: {one_line(err)}") from None


def _open_tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = archive.extractfile(member)
    if opened is None:
        raise DamagedPicture("the archive is damaged: it has no bytes for this file")
    return opened


def _join(path: str, name: str) -> str:
    """The name of a member in results; it is never used to open anything."""
    return f"{path}{os.sep}{name}"
