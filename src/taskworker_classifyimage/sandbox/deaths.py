"""Counts how many decoders a picture has killed, until there is an answer for it.

The counts are also kept in files, so that a picture which kills a decoder does not start again at
zero when the worker is killed between two attempts. A file's name is the SHA-256 of the picture,
which leaves no other trace.
"""

import contextlib
import hashlib
import logging
import threading
from pathlib import Path

from taskworker_classifyimage.atomic_file import write_atomically

_log = logging.getLogger(__name__)


class Deaths:
    """The counts by picture; may be used from several threads at once."""

    def __init__(self, folder: Path | None) -> None:
        """Reads and creates nothing.

        Args:
            folder: has one file per picture; None: counts are in memory only.
        """
        self._folder = folder
        self._counts: dict[str, int] = {}
        #: Files of earlier runs that may have to be deleted; None: not listed yet.
        self._leftover: set[str] | None = None
        self._lock = threading.Lock()

    def add(self, encoded: bytes) -> int:
        """Records that a decoder died decoding a picture; returns how many did so far."""
        name = hashlib.sha256(encoded).hexdigest()
        with self._lock:
            count = max(self._counts.get(name, 0), self._read(name)) + 1
            self._counts[name] = count
            self._write(name, count)
        return count

    def forget(self, encoded: bytes) -> None:
        """Deletes the count of a picture that has its answer; cheap if there are no counts."""
        with self._lock:
            if self._leftover is None:
                self._leftover = self._list_files()
            if not self._counts and not self._leftover:
                return
        name = hashlib.sha256(encoded).hexdigest()
        with self._lock:
            self._counts.pop(name, None)
            self._leftover.discard(name)
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    (self._folder / name).unlink(missing_ok=True)

    def _list_files(self) -> set[str]:
        if self._folder is None:
            return set()
        with contextlib.suppress(OSError):
            return {file.name for file in self._folder.iterdir()}
        return set()

    def _read(self, name: str) -> int:
        if self._folder is None:
            return 0
        try:
            return int((self._folder / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def _write(self, name: str, count: int) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(self._folder / name, b"%d" % count)
        except OSError as err:
            _log.warning("%s: cannot record a decoder's death: %s", self._folder, err.strerror)
