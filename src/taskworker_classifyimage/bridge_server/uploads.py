"""The files of tasks on disk, each under its task's id, which the server made.

``receive --write--> <id>.part --finish--> <id>``, and only then may the task's row be written. A
process that dies between two steps leaves a file without a row; `open` clears those away.
"""

import errno
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from taskworker_classifyimage.bridge_server.limits import Limits

_log = logging.getLogger(__name__)

#: What this module names its files; anything else in the folder is not ours to delete.
_OWN_NAME: Final = re.compile(
    r"(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?P<part>\.part)?", re.ASCII
)

#: Read at once: that takes less time than asking a thread to.
_SMALL_BYTES: Final = 2**19


class UploadTooLargeError(Exception):
    """A client sent more bytes than a file may have.

    Attributes:
        limit_bytes: how many it may have.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the file is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class Upload:
    """One file on its way in; leaving the ``with`` block by an exception leaves no file."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._limits = limits
        self._size_bytes = 0
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        """Whether there is a file, be it an empty one."""
        return self._stream is not None

    def begin(self) -> None:
        """Make the file, so that a client may send one of no bytes."""
        self._stream = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        """Append a chunk; at these sizes the system's cache is faster than a thread.

        Raises:
            UploadTooLargeError: The file has passed the limit.
            OSError: The disk is full, or as full as files may make it.
        """
        if self._stream is None:
            raise ValueError("the upload has not begun")
        self._size_bytes += len(chunk)
        if self._size_bytes > self._limits.upload_bytes:
            raise UploadTooLargeError(self._limits.upload_bytes)
        if shutil.disk_usage(self._part.parent).free < self._limits.free_bytes + len(chunk):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._stream.write(chunk)

    def finish(self) -> None:
        """Give the file its name, if there is one; from now on `Uploads.path` finds it."""
        if self._stream is not None:
            self._stream.close()
            self._part.replace(self._path)


class Uploads:
    """The folder of all files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, is_known: Callable[[str], bool]) -> None:
        """Make the folder, and remove what a killed process left in it.

        Args:
            is_known: whether there is a task of an id that has a file. Its store must be open:
                that keeps a second bridge from sweeping away the first one's uploads.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            name = _OWN_NAME.fullmatch(path.name)
            if name is not None and (name["part"] or not is_known(name["id"])):
                _log.info("bridge.leftover_removed file=%r", path.name)
                self._unlink(path)

    def receive(self, task_id: str, limits: Limits) -> Upload:
        """A file to come, for a task that will have this id."""
        return Upload(self.path(task_id), limits)

    def path(self, task_id: str) -> Path:
        """Where the file of a task is; the id must be one that this server made."""
        if _OWN_NAME.fullmatch(task_id) is None:
            raise ValueError(f"not an id of this server: {task_id!r}")
        return self._folder / task_id

    def read_small(self, task_id: str) -> bytes | None:
        """The bytes of a task's file if they are few, else None; `path` then leads to them."""
        try:
            with self.path(task_id).open("rb") as stream:
                is_small = os.fstat(stream.fileno()).st_size <= _SMALL_BYTES
                return stream.read() if is_small else None
        except OSError:
            return None

    def remove(self, task_id: str) -> None:
        """Delete the file of a task whose row is gone."""
        self._unlink(self.path(task_id))

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            # Windows keeps a file that is being downloaded; the next start removes it.
            _log.warning("bridge.file_kept file=%r error=%s", path.name, error)
