"""The file of a model on disk: its checksum, and what the disk refuses in one line."""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from taskworker_classifyimage.atomic_file import write_atomically
from taskworker_classifyimage.errors import ModelError

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


def digest(path: Path, algorithm: str) -> str:
    """A file's checksum by `md5` or `sha256`, hexadecimal."""
    with on_disk(path), path.open("rb") as stream:
        # Publishers chose MD5; here it guards against accidents.
        return hashlib.file_digest(
            stream, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def checksum_file(path: Path) -> Path:
    """Where a file's SHA-256 is kept, in the format of sha256sum."""
    return path.with_name(f"{path.name}.sha256")


def write_checksum(path: Path, sha256: str) -> None:
    """Writes `NAME.sha256` beside a file."""
    write_atomically(checksum_file(path), f"{sha256}  {path.name}\n".encode())


def is_verified(path: Path) -> bool:
    """Whether a file is there and has the checksum in the `.sha256` beside it."""
    try:
        recorded = checksum_file(path).read_text("ascii", "replace").split()
    except OSError:
        return False
    return bool(recorded) and path.is_file() and digest(path, "sha256") == recorded[0]


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into a ModelError of one line.

    Args:
        path: named in the message where the system names no file.
    """
    try:
        yield
    except OSError as err:
        place = err.filename or path
        if err.errno in _NO_SPACE:
            raise ModelError(
                f"{place}: there is no space left; make room and start again, "
                "a download resumes where it stopped"
            ) from None
        raise ModelError(
            f"{place} cannot be written or read: {err.strerror or err}; "
            "name another folder, or fix this one's permissions"
        ) from None
