"""The space on the bridge's disk: a reserve that nothing new may use, and a file that keeps more.

New tasks and files leave free space for results. When the disk is full all the same, the ballast is
deleted: what it occupied lets tasks be taken, completed and removed.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Final

#: Enough for what SQLite writes before it moves its log into the database.
BALLAST_BYTES: Final = 8 * 2**20


def require_space(folder: Path, size_bytes: int, reserve_bytes: int) -> None:
    """Checks that `size_bytes` fit on the disk of a folder and leave the reserve free.

    Raises:
        OSError: they do not (ENOSPC).
    """
    if shutil.disk_usage(folder).free < reserve_bytes + size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


class Ballast:
    """A file that is deleted when the disk is full; the constructor writes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Writes the file, unless it is there or would take the last of the disk."""
        try:
            if self._path.exists():
                return
            require_space(self._path.parent, BALLAST_BYTES, BALLAST_BYTES)
            # Random: a file system that compresses would keep no space for zeros.
            self._path.write_bytes(os.urandom(BALLAST_BYTES))
        except OSError:
            self.release()

    def release(self) -> bool:
        """Deletes the file; False if there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
