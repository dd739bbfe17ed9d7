"""How many decoders a picture has killed so far, kept while it is tried again.

A worker that is killed between the first death and the second finds the note in its next life, so
no picture goes on killing for ever. Known by their SHA-256, pictures leave no other trace.
"""

import contextlib
import hashlib
import logging
import threading
from pathlib import Path

from taskworker_classifyimage.atomic_file import write_atomically

_log = logging.getLogger(__name__)


class Deaths:
    """Counts by content; one file a picture, which is gone when there is an answer."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._counts: dict[str, int] = {}
        self._noted: set[str] | None = None
        self._lock = threading.Lock()

    def add(self, encoded: bytes) -> int:
        """Notes that a decoder died of a picture; says how many it is now."""
        name = hashlib.sha256(encoded).hexdigest()
        with self._lock:
            count = max(self._counts.get(name, 0), self._read(name)) + 1
            self._counts[name] = count
            self._write(name, count)
        return count

    def forget(self, encoded: bytes) -> None:
        """There is an answer now; costs next to nothing as long as nothing is noted."""
        with self._lock:
            if self._noted is None:
                self._noted = self._left_behind()
            if not self._counts and not self._noted:
                return
        name = hashlib.sha256(encoded).hexdigest()
        with self._lock:
            self._counts.pop(name, None)
            self._noted.discard(name)
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    (self._folder / name).unlink(missing_ok=True)

    def _left_behind(self) -> set[str]:
        """What earlier lives have noted."""
        if self._folder is None:
            return set()
        with contextlib.suppress(OSError):
            return {note.name for note in self._folder.iterdir()}
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
            _log.warning("that a decoder died is not noted: %s: %s", self._folder, err.strerror)
