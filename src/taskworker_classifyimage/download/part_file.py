"""What of a file has arrived so far, and how a whole one gets its name.

Beside `NAME` lie `NAME.part`, `NAME.part.json`, which says of which version it is, and, once all is
verified, `NAME.sha256`.
"""

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from taskworker_classifyimage.download.transfer import Version
from taskworker_classifyimage.errors import ModelError

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


def digest(path: Path, algorithm: Literal["sha256", "md5"]) -> str:
    """A file's checksum, hexadecimal."""
    with on_disk(path), path.open("rb") as stream:
        # MD5 is the publishers' choice; here it is against accidents.
        return hashlib.file_digest(
            stream, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def is_verified(target: Path) -> bool:
    """Whether a file is there and is what the `.sha256` beside it says."""
    try:
        recorded = checksum_file(target).read_text("ascii", "replace").split()
    except OSError:
        return False
    return bool(recorded) and target.is_file() and digest(target, "sha256") == recorded[0]


def checksum_file(target: Path) -> Path:
    """Where a file's SHA-256 is kept, in the form of sha256sum."""
    return target.with_name(f"{target.name}.sha256")


def write_checksum(target: Path, sha256: str) -> None:
    """Puts `NAME.sha256` beside a file, whole or not at all."""
    path = checksum_file(target)
    fresh = path.with_name(f"{path.name}.part")
    with on_disk(path):
        fresh.write_text(f"{sha256}  {target.name}\n", "utf-8", newline="\n")
        _flush(fresh)
        fresh.replace(path)


class PartFile:
    """The part of one file that is here; only the holder of the file's lock may use it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f"{target.name}.part")
        self._version_path = target.with_name(f"{target.name}.part.json")

    @property
    def size_bytes(self) -> int:
        """How much is here."""
        return self._path.stat().st_size if self._path.exists() else 0

    def version(self) -> Version:
        """What the part is a part of; knows nothing if there is no part, or none that can be told.

        Raises:
            ModelError: the folder cannot be read.
        """
        try:
            known = json.loads(self._version_path.read_text("utf-8"))
            return Version(**known)
        except FileNotFoundError:
            return Version()
        except (ValueError, TypeError):
            # Cut off while it was written.
            return Version()
        except OSError as err:
            raise ModelError(f"{self._version_path}: {err.strerror}") from None

    def digest(self, algorithm: Literal["sha256", "md5"]) -> str:
        """The checksum of what is here, hexadecimal."""
        return digest(self._path, algorithm)

    def start_over(self, version: Version) -> None:
        """Empties the part; what comes now is of this version."""
        with on_disk(self._path):
            self._path.write_bytes(b"")
            # A power cut must not leave the new version's name on the old one's bytes.
            _flush(self._path)
            known = json.dumps(dataclasses.asdict(version))
            self._version_path.write_text(known, "utf-8")

    @contextmanager
    def appending(self) -> Iterator[Callable[[bytes], None]]:
        """Gives a function that adds bytes; what it was given is in the file when it returns."""
        with on_disk(self._path):
            stream = self._path.open("ab", buffering=0)

        def append(content: bytes) -> None:
            rest = memoryview(content)
            with on_disk(self._path):
                while rest:
                    rest = rest[stream.write(rest) :]

        with stream:
            yield append

    def discard(self) -> None:
        """Removes the part."""
        with on_disk(self._path):
            self._path.unlink(missing_ok=True)
            self._version_path.unlink(missing_ok=True)

    def check_space(self, more_bytes: int) -> None:
        """Sees to it that a download which cannot fit does not begin.

        Raises:
            ModelError: there is no room for so many bytes.
        """
        folder = self._path.parent
        with on_disk(folder):
            free_bytes = shutil.disk_usage(folder).free
        if free_bytes < more_bytes:
            raise ModelError(
                f"{folder}: {self._target.name} needs {more_bytes / 1e6:.0f} MB more, "
                f"{free_bytes / 1e6:.0f} MB are free; make room, or name another folder"
            )

    def place(self) -> None:
        """Gives the part, which has been verified, its name, with its SHA-256 beside it."""
        # The checksum comes first: a file under the model's name is never without one.
        write_checksum(self._target, digest(self._path, "sha256"))
        with on_disk(self._target):
            _flush(self._path)
            self._path.replace(self._target)
            if os.name == "posix":
                _flush_folder(self._target.parent)
        self.discard()


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Says in one line what the disk refuses.

    Raises:
        ModelError: instead of any `OSError`.
    """
    try:
        yield
    except OSError as err:
        if err.errno in _NO_SPACE:
            raise ModelError(
                f"{path}: there is no space left; make room and start again, "
                "it goes on where it stopped"
            ) from None
        raise ModelError(
            f"{path} cannot be written or read: {err.strerror or err}; "
            "name another folder, or mend this one's permissions"
        ) from None


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
