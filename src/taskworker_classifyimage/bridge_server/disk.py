"""The space on the bridge's disk: a reserve that nothing new may use, and a file that keeps more.

New tasks and files leave free space for results. When the disk is full all the same, the ballast is
deleted: what it occupied lets tasks be taken, completed and removed.
"""

import os
import shutil
from pathlib import Path
from typing import Final

#: Enough for what SQLite writes before it moves its log into the database.
BALLAST_BYTES: Final = 8 * 2**20


def find_free_bytes(folder: Path) -> int:
    """How much of the disk of a folder is free."""
    return shutil.disk_usage(folder).free


def has_space(folder: Path, size_bytes: int) -> bool:
    """Whether so much of the disk of a folder is free."""
    return find_free_bytes(folder) >= size_bytes


class Ballast:
    """A file that is deleted when the disk is full; the constructor writes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Writes the file, unless it is there or would take the last of the disk."""
        try:
            if self._path.exists() or not has_space(self._path.parent, 2 * BALLAST_BYTES):
                return
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
