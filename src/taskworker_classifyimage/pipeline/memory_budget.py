"""One budget of bytes for all pictures in the worker: encoded files, and what decoding takes.

    | small and ordinary files | one large file, if there is one | decoding          |
      file_bytes, fixed          as large as it is                 all the rest

A task holds its file first and then waits for memory to decode it, so a decoder must never wait for
a file that waits for a decoder. That is why files have a fixed part, and the one large file takes
its memory from decoding at a moment when nothing that decodes needs it. What does not fit waits in
order; small files and small pictures pass by.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.errors import NeedsMemory, TooLarge

#: Makes a context that is entered while a task waits.
Waits = Callable[[], AbstractContextManager[None]]

_MIB: Final = 2**20
#: Files need no more than this to keep decoders busy, however slow the network.
_MOST_FILE_BYTES: Final = 512 * _MIB
#: The part of all memory that is for files.
_FILES_PART: Final = 1 / 8
#: Parts of the memory for files or for decoding: what one small file or picture may have, and what
#: is kept for small ones while a larger one waits.
_SMALL_FILE_PART: Final = 1 / 16
_SMALL_PICTURE_PART: Final = 1 / 32
_KEPT_PART: Final = 1 / 8
#: Most pictures need less than the first, and one that needs more than the second is not small on
#: any machine.
_LEAST_SMALL_BYTES: Final = 8 * _MIB
_MOST_SMALL_BYTES: Final = 64 * _MIB


@dataclass(eq=False, slots=True)
class Hold:
    """A part of the memory.

    Attributes:
        size_bytes: how much.
        is_alone: whether nothing else decodes as long as it is held.
        granted: done when it is held, and no longer waited for.
        release: gives it back; may be called twice.
    """

    size_bytes: int
    is_alone: bool
    granted: asyncio.Future[None]
    release: Callable[[], None]

    def grant(self) -> None:
        """Lets the task go on, unless it was cancelled."""
        if not self.granted.done():
            self.granted.set_result(None)


class MemoryBudget:
    """Gives out memory within one event loop; its numbers are promises, nothing is allocated.

    Attributes:
        small_picture_bytes: what a picture gets for decoding before it is known what it needs.
    """

    def __init__(self, total_bytes: int) -> None:
        """Takes all the memory that pictures may have."""
        self._file_bytes = min(int(_FILES_PART * total_bytes), _MOST_FILE_BYTES)
        self._small_file_bytes = int(_SMALL_FILE_PART * self._file_bytes)
        self._ordinary_file_bytes = _unkept(self._file_bytes)
        self._all_decoding_bytes = total_bytes - self._file_bytes
        small_bytes = int(_SMALL_PICTURE_PART * self._all_decoding_bytes)
        self.small_picture_bytes = min(max(small_bytes, _LEAST_SMALL_BYTES), _MOST_SMALL_BYTES)
        self._files: set[Hold] = set()
        self._large: Hold | None = None
        self._decoding: set[Hold] = set()
        self._waiting_files: deque[Hold] = deque()
        self._waiting_large: deque[Hold] = deque()
        self._waiting_decoding: deque[Hold] = deque()

    @property
    def largest_file_bytes(self) -> int:
        """A larger file never fits: as much again is needed to decode it."""
        return max(self._ordinary_file_bytes, self._all_decoding_bytes // 2)

    def largest_picture_bytes(self, file_bytes: int) -> int:
        """What a picture can get at most for decoding, while its file of that size is held."""
        is_large = file_bytes > self._ordinary_file_bytes
        return self._all_decoding_bytes - (file_bytes if is_large else 0)

    async def acquire_file(self, size_bytes: int | None) -> Hold:
        """Waits for memory for an encoded file.

        Args:
            size_bytes: size of the file; None: unknown.

        Raises:
            TooLarge: there is never so much.
        """
        return await _wait(self._request_file(size_bytes))

    def try_file(self, size_bytes: int | None) -> Hold | None:
        """Takes memory for an encoded file if it is there now; arguments as for `acquire_file`."""
        hold = self._request_file(size_bytes)
        if hold.granted.done():
            return hold
        hold.release()
        return None

    async def acquire_decoding(
        self, size_bytes: int | None, file_bytes: int, waits: Waits = nullcontext
    ) -> Hold:
        """Takes memory to decode a picture, as soon as there is enough.

        Args:
            size_bytes: what is needed; None: all that there is, while nothing else decodes.
            file_bytes: size of its file, which is held already.
            waits: entered if it has to wait.

        Raises:
            TooLarge: there is never so much.
        """
        most_bytes = self.largest_picture_bytes(file_bytes)
        wanted_bytes = most_bytes if size_bytes is None else size_bytes
        if wanted_bytes > most_bytes:
            raise NeedsMemory(wanted_bytes, most_bytes)
        is_alone = size_bytes is None or wanted_bytes > _unkept(most_bytes)
        hold = self._request(wanted_bytes, self._waiting_decoding, is_alone=is_alone)
        if hold.granted.done():
            return hold
        with waits():
            return await _wait(hold)

    def _request_file(self, size_bytes: int | None) -> Hold:
        if size_bytes is None:
            size_bytes = self.largest_file_bytes
        if size_bytes > self.largest_file_bytes:
            raise TooLarge(
                f"the file has {size_bytes} bytes; the memory here is enough for files of "
                f"{self.largest_file_bytes} bytes"
            )
        is_large = size_bytes > self._ordinary_file_bytes
        return self._request(size_bytes, self._waiting_large if is_large else self._waiting_files)

    def _request(self, size_bytes: int, waiting: deque[Hold], *, is_alone: bool = False) -> Hold:
        granted = asyncio.get_running_loop().create_future()
        hold = Hold(size_bytes, is_alone, granted, lambda: self._release(hold))
        waiting.append(hold)
        self._grant()
        return hold

    def _release(self, hold: Hold) -> None:
        self._files.discard(hold)
        self._decoding.discard(hold)
        if self._large is hold:
            self._large = None
        for waiting in (self._waiting_files, self._waiting_large, self._waiting_decoding):
            if hold in waiting:
                waiting.remove(hold)
        self._grant()

    def _grant(self) -> None:
        """Gives memory to everything waiting that may have it now."""
        self._grant_files()
        self._reserve_large()
        self._grant_decoding()
        if self._large is not None and _sum(self._decoding) <= self._decoding_bytes:
            self._large.grant()

    def _grant_files(self) -> None:
        small, is_blocked = self._small_file_bytes, False
        for hold in list(self._waiting_files):
            if _has_room(hold, self._files, self._file_bytes, small, is_blocked=is_blocked):
                self._waiting_files.remove(hold)
                self._files.add(hold)
                hold.grant()
            else:
                is_blocked = True

    def _reserve_large(self) -> None:
        """Reserves memory for the next large file, unless a picture that came first needs it."""
        if self._large is None and self._waiting_large:
            left_bytes = self._all_decoding_bytes - self._waiting_large[0].size_bytes
            if all(_fits(hold, left_bytes) for hold in self._waiting_decoding):
                self._large = self._waiting_large.popleft()

    @property
    def _decoding_bytes(self) -> int:
        return self._all_decoding_bytes - (self._large.size_bytes if self._large else 0)

    def _grant_decoding(self) -> None:
        is_blocked = False
        for hold in list(self._waiting_decoding):
            if any(running.is_alone for running in self._decoding):
                return
            if not _fits(hold, self._decoding_bytes):
                # It waits for the end of the large file's task, which must not wait for it.
                continue
            if self._may_begin(hold, is_blocked=is_blocked):
                self._waiting_decoding.remove(hold)
                self._decoding.add(hold)
                hold.grant()
            elif hold.is_alone:
                # All that came later waits, or it would never be alone.
                return
            else:
                is_blocked = True

    def _may_begin(self, hold: Hold, *, is_blocked: bool) -> bool:
        if hold.is_alone:
            return not self._decoding and not is_blocked
        most, small = self._decoding_bytes, self.small_picture_bytes
        return _has_room(hold, self._decoding, most, small, is_blocked=is_blocked)


async def _wait(hold: Hold) -> Hold:
    try:
        await hold.granted
    except asyncio.CancelledError:
        hold.release()
        raise
    return hold


def _has_room(
    hold: Hold, held: set[Hold], limit_bytes: int, small_bytes: int, *, is_blocked: bool
) -> bool:
    """Whether what is held leaves enough; of what is blocked, only small holds pass by.

    These have a part of the memory for that, so that what is blocked fits one day.
    """
    if not is_blocked:
        return _sum(held) + hold.size_bytes <= limit_bytes
    small = {each for each in held if each.size_bytes <= small_bytes}
    is_small = hold.size_bytes <= small_bytes
    return is_small and _sum(small) + hold.size_bytes <= int(_KEPT_PART * limit_bytes)


def _fits(hold: Hold, limit_bytes: int) -> bool:
    """Whether there is enough beside small holds alone, or, if it is alone, at all."""
    return hold.size_bytes <= (limit_bytes if hold.is_alone else _unkept(limit_bytes))


def _unkept(limit_bytes: int) -> int:
    """The part of some memory that is not kept for small holds."""
    return limit_bytes - int(_KEPT_PART * limit_bytes)


def _sum(holds: set[Hold]) -> int:
    return sum(hold.size_bytes for hold in holds)
