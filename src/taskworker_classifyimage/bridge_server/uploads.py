"""The files of tasks on disk; each is named by its task's id, which the server made.

``receive --write--> <id>.part --finish--> <id>``; only then is the task's row written. A process
that dies between two steps leaves a file without a row; `Uploads.open` removes such files.
"""

import errno
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Self

from taskworker_classifyimage.bridge_server.disk import has_space
from taskworker_classifyimage.bridge_server.limits import Limits, too_large
from taskworker_classifyimage.bridge_server.records import TASK_ID

_log = logging.getLogger(__name__)

#: The names of this module's files; other files in the folder are left alone.
_OWN_NAME: Final = re.compile(rf"(?P<id>{TASK_ID.pattern})(?P<part>\.part)?")

#: Files up to this size are read on the event loop, which is faster than using a thread.
_SMALL_BYTES: Final = 2**19


class Upload:
    """One file that is being received; an exception in the ``with`` block deletes it."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._limits = limits
        self._size_bytes = 0
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is None:
            return
        self._stream.close()
        self._part.unlink(missing_ok=True)
        if kind is not None:
            self._path.unlink(missing_ok=True)

    @property
    def task_id(self) -> str:
        """The id of the task that the file is for."""
        return self._path.name

    @property
    def has_begun(self) -> bool:
        """Whether there is a file, even an empty one."""
        return self._stream is not None

    def begin(self) -> None:
        """Creates the file, so that a client can also send an empty one."""
        try:
            self._stream = self._part.open("xb")
        except FileNotFoundError:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            _log.warning("bridge.folder_made_again folder=%s", self._part.parent)
            self._stream = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        """Appends a chunk; at these sizes the system's cache is faster than a thread.

        Raises:
            HTTPRequestEntityTooLarge: the file exceeds the limit.
            OSError: the disk is full, or as full as files may make it.
        """
        if self._stream is None:
            raise ValueError("the upload has not begun")
        self._size_bytes += len(chunk)
        if self._size_bytes > self._limits.upload_bytes:
            raise too_large(self._limits.upload_bytes)
        if not has_space(self._part.parent, self._limits.free_bytes + len(chunk)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._stream.write(chunk)

    def finish(self) -> None:
        """Gives the file its final name, if there is a file."""
        if self._stream is not None:
            self._stream.close()
            self._part.replace(self._path)


class Uploads:
    """The folder of all files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, is_known: Callable[[str], bool]) -> None:
        """Creates the folder, and removes what a killed process left in it.

        Args:
            is_known: whether the task with an id exists and has a file. Its store must be open:
                that keeps a second bridge from removing the first one's uploads.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            name = _OWN_NAME.fullmatch(path.name)
            if name is not None and (name["part"] or not is_known(name["id"])):
                _log.info("bridge.leftover_removed file=%r", path.name)
                self._unlink(path)

    def has_space(self, size_bytes: int, limits: Limits) -> bool:
        """Whether a new task fits on the disk and leaves the reserve free."""
        return has_space(self._folder.parent, limits.free_bytes + size_bytes)

    def receive(self, task_id: str, limits: Limits) -> Upload:
        """Prepares to receive the file of a task that will have this id."""
        return Upload(self.path(task_id), limits)

    def path(self, task_id: str) -> Path:
        """The path of a task's file; the id must be one that this server made."""
        if TASK_ID.fullmatch(task_id) is None:
            raise ValueError(f"not an id of this server: {task_id!r}")
        return self._folder / task_id

    def read_small(self, task_id: str, most_bytes: int = _SMALL_BYTES) -> bytes | None:
        """Reads a task's file if it is small; None if it is large or missing."""
        try:
            with self.path(task_id).open("rb") as stream:
                size_bytes = os.fstat(stream.fileno()).st_size
                is_small = size_bytes <= min(most_bytes, _SMALL_BYTES)
                return stream.read() if is_small else None
        except OSError:
            return None

    def remove(self, task_id: str) -> None:
        """Deletes the file of a task whose row is deleted."""
        self._unlink(self.path(task_id))

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as err:
            # Windows cannot delete a file that is being downloaded; the next start removes it.
            _log.warning("bridge.file_kept file=%r error=%s", path.name, err)
