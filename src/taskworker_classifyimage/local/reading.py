"""Reads files as soon as there is memory for them, and makes a row of whatever comes of each."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from taskworker_classifyimage.errors import (
    ErrorCode,
    MachineShort,
    TaskError,
    TaskworkerError,
)
from taskworker_classifyimage.local.found import (
    Found,
    check_size,
    read_file,
    read_member,
    to_time,
)
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.pipeline.file_room import FileRoom
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.shortage import name_shortage
from taskworker_classifyimage.tasks import Runtime, error_json

_log = logging.getLogger(__name__)

#: Enough to keep a slow disk or a share busy.
_READERS: Final = 4
#: A machine that is short of something is asked again so often, after a second each time.
_MOST_SHORTAGES: Final = 60
_SHORTAGE_S: Final = 1.0

_T = TypeVar("_T")
#: Finds the result of an equal file by its SHA-256; None if there is none.
FindEqual = Callable[[str], Mapping[str, object] | None]


@dataclass(slots=True)
class ReadFile:
    """A file that has been read, and the memory for it.

    Attributes:
        encoded: its bytes.
        sha256: of these, once it is known.
        problem: why it cannot be classified.
    """

    found: Found
    room: FileRoom
    start_s: float
    encoded: bytes = b""
    sha256: str | None = None
    problem: TaskError | None = None

    @property
    def passed_s(self) -> float:
        """Seconds since its reading began."""
        return time.perf_counter() - self.start_s

    def to_row(self, result: Mapping[str, object]) -> Row:
        """Its row."""
        found = self.found
        return Row(found.path, result, found.size_bytes, found.modified_ns, self.sha256)


class Reader:
    """Reads files within one event loop.

    Attributes:
        threads: as many files at once.
    """

    def __init__(self, budget: MemoryBudget, limit_bytes: int) -> None:
        """Takes the memory for files, and the size of the largest one."""
        self.threads = _READERS
        self._budget = budget
        self._limit_bytes = limit_bytes
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="read")

    async def read(self, found: Found) -> ReadFile:
        """Reads a file; `make_row` gives its memory back.

        Raises:
            MachineShort: the machine is short of something for a minute.
        """
        read = self.begin(found)
        try:
            await insist(lambda: self._read_into(read))
        except TaskError as err:
            read.problem = err
        except BaseException:
            read.room.release()
            raise
        return read

    def begin(self, found: Found) -> ReadFile:
        """A file of which nothing is read yet, and no memory is taken for it."""
        return ReadFile(
            found, FileRoom(self._budget, nullcontext, nullcontext), time.perf_counter()
        )

    def room(self) -> FileRoom:
        """Memory for several files."""
        return FileRoom(self._budget, nullcontext, nullcontext)

    async def take_room(self, read: ReadFile) -> None:
        """Takes memory for a file, as soon as there is some.

        Raises:
            TaskError: it cannot be read.
        """
        if read.found.problem is not None:
            raise read.found.problem
        check_size(read.found.size_bytes, self._limit_bytes)
        await read.room.take(read.found.size_bytes)

    def load(self, read: ReadFile) -> None:
        """Reads a file, for which there is memory, in this thread.

        Raises:
            TaskError: it cannot be read.
            OSError: the machine is short of something.
        """
        found, limit_bytes = read.found, self._limit_bytes
        if found.open_member is not None:
            most_bytes = limit_bytes + 1 if found.size_bytes is None else found.size_bytes
            read.encoded = read_member(found.open_member, most_bytes)
            check_size(len(read.encoded), limit_bytes)
            read.found = replace(found, size_bytes=len(read.encoded))
            return
        # What has grown since it was found is read as large as it was found.
        most_bytes = limit_bytes if found.size_bytes is None else found.size_bytes
        read.encoded, facts = read_file(found.path, most_bytes)
        modified_ns = to_time(facts.st_mtime_ns)
        read.found = replace(found, size_bytes=facts.st_size, modified_ns=modified_ns)

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _read_into(self, read: ReadFile) -> None:
        await self.take_room(read)
        await asyncio.get_running_loop().run_in_executor(self._pool, self.load, read)


async def make_row(
    read: ReadFile,
    answer: Callable[[ReadFile], Awaitable[Mapping[str, object]]],
    runtime: Runtime,
) -> Row:
    """Has a file answered, and gives its memory back.

    Returns:
        Its row, whether or not it could be classified.

    Raises:
        UserError, MachineShort: no picture can be classified any more.
    """
    with read.room:
        try:
            if read.problem is not None:
                raise read.problem
            result = await answer(read)
        except Exception as err:  # noqa: BLE001 - one picture must not end the run
            result = explain_failure(err, read, runtime)
    return read.to_row(result)


def explain_failure(err: Exception, read: ReadFile, runtime: Runtime) -> Mapping[str, object]:
    """The result of a file that failed; raises the error again if it concerns all files."""
    if isinstance(err, TaskError):
        return error_json(str(err), err.code, runtime, read.passed_s)
    if isinstance(err, TaskworkerError):
        raise err
    _log.error("%s: failed by a fault of this program", read.found.path, exc_info=err)
    return error_json("internal error", ErrorCode.INTERNAL, runtime, read.passed_s)


async def insist(step: Callable[[], Awaitable[_T]]) -> _T:
    """Tries a step again as long as the machine is short of something.

    Raises:
        MachineShort: for a minute.
    """
    short_of = None
    for _ in range(_MOST_SHORTAGES):
        try:
            return await step()
        except (TaskError, asyncio.CancelledError):
            raise
        except Exception as err:
            short_of = name_shortage(err)
            if short_of is None:
                raise
        await asyncio.sleep(_SHORTAGE_S)
    raise MachineShort(f"the machine has no more {short_of}")
