"""A file that was found, and how it is read."""

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final

from taskworker_classifyimage.errors import (
    DamagedPicture,
    EmptyFile,
    FileMissing,
    TaskError,
    TooLarge,
    connection_reason,
    one_line,
)
from taskworker_classifyimage.shortage import name_shortage

#: A FIFO in a file's place must not stop the program; Windows has no such flag and needs another.
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_CHUNK_BYTES: Final = 2**20
#: What 64 bits of nanoseconds hold, the years 1678 to 2262.
_EARLIEST_NS: Final = -(2**63)
_LATEST_NS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Found:
    """One file, or one member of an archive.

    Attributes:
        path: as it is named in results.
        size_bytes, modified_ns: as they were found; None if unknown.
        open_member: opens a member of an archive, until the next one is asked for; None: a file.
        problem: why it cannot be read, if that is known already.
    """

    path: str
    size_bytes: int | None = None
    modified_ns: int | None = None
    open_member: Callable[[], IO[bytes]] | None = None
    problem: TaskError | None = None


def check_size(size_bytes: int | None, limit_bytes: int) -> None:
    """Refuses what need not be read.

    Raises:
        TooLarge, EmptyFile: it is.
    """
    if size_bytes is not None and size_bytes > limit_bytes:
        raise TooLarge(f"the file has {size_bytes} bytes; the limit is {limit_bytes}")
    if size_bytes == 0:
        raise EmptyFile("the file has no bytes")


def read_file(path: str, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, and what it was when they were read.

    Raises:
        FileMissing: it is gone, no file, or cannot be read.
        TooLarge, EmptyFile: it is.
        OSError: the machine is short of something.
    """
    try:
        descriptor = os.open(path, _FLAGS)
        with open(descriptor, "rb", buffering=0) as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise FileMissing("it is not a file")
            check_size(facts.st_size, limit_bytes)
            return read_at_most(file, facts.st_size), facts
    except OSError as err:
        if name_shortage(err):
            raise
        raise FileMissing(f"the file cannot be read: {connection_reason(err)}") from None
    except ValueError:
        raise FileMissing("its name holds a zero byte") from None


def read_member(open_member: Callable[[], IO[bytes]], size_bytes: int) -> bytes:
    """The bytes of a member of an archive, at most as many as the archive says.

    Raises:
        DamagedPicture: the archive is damaged, or needs a password.
        EmptyFile: there are none.
    """
    try:
        with open_member() as file:
            return read_at_most(file, size_bytes, _CHUNK_BYTES)
    except TaskError:
        raise
    except Exception as err:  # noqa: BLE001 - archives are untrusted, their libraries raise anything
        raise DamagedPicture(f"the archive does not give it: {one_line(err)}") from None


def read_at_most(file: IO[bytes], size_bytes: int, step_bytes: int = sys.maxsize) -> bytes:
    """Reads so many bytes in steps, or what is there of them.

    Raises:
        EmptyFile: there are none.
    """
    parts = []
    while size_bytes > 0 and (part := file.read(min(size_bytes, step_bytes))):
        parts.append(part)
        size_bytes -= len(part)
    if not parts:
        raise EmptyFile("the file has no bytes")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def to_time(time_ns: int) -> int | None:
    """A time that outputs can express: file systems and archives have others as well."""
    return time_ns if _EARLIEST_NS <= time_ns <= _LATEST_NS else None


def facts_of(path: str) -> tuple[int | None, int | None]:
    """Size in bytes and time of the last change in nanoseconds, if the system tells."""
    with contextlib.suppress(OSError, ValueError):
        facts = os.stat(path)
        return facts.st_size, to_time(facts.st_mtime_ns)
    return None, None
