"""SQLite's errors as those of any other file, so that few have to know of it."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def raising_os_errors(path: Path) -> Iterator[None]:
    """Within the block, an error of the database at this path is an `OSError`."""
    try:
        yield
    except sqlite3.DatabaseError as err:
        code = getattr(err, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        number = errno.ENOSPC if code == sqlite3.SQLITE_FULL else errno.EIO
        raise OSError(number, str(err), str(path)) from err
