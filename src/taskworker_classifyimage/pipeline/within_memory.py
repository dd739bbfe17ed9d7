"""Runs work on threads, each with as much memory as it turns out to need."""

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeVar

from taskworker_classifyimage.errors import NeedsMemory
from taskworker_classifyimage.pipeline.memory_budget import Hold, MemoryBudget, Waits
from taskworker_classifyimage.pipeline.on_threads import OnThreads

#: What decoding may take at first, by the size of the file: enough for one that is not compressed.
_GUESSED_FACTOR: Final = 3
#: A header says what it needs in two steps at most; more come from a decoder that is taken over.
_MOST_TRIALS: Final = 4

_T = TypeVar("_T")


class WithinMemory:
    """Runs work on the threads of an executor, and gives it memory from a budget."""

    def __init__(self, compute: Executor, budget: MemoryBudget, limit_bytes: int) -> None:
        """Takes its collaborators; `limit_bytes` is the most that one picture may take."""
        self._threads = OnThreads(compute)
        self._budget = budget
        self._limit_bytes = limit_bytes

    async def run(
        self,
        work: Callable[[Hold], _T],
        file_bytes: int,
        waits: Waits = nullcontext,
        *,
        is_alone: bool = False,
    ) -> _T:
        """Runs work with little memory first, and with more when it asks for that.

        Args:
            work: decodes a picture with the memory of its hold, or raises `NeedsMemory`.
            file_bytes: size of the picture's file, whose memory is held already.
            waits: entered while it waits for memory.
            is_alone: whether nothing else is decoded meanwhile.

        Raises:
            NeedsMemory: there is never so much.
            Exception: whatever else the work raises.
        """
        budget = self._budget
        guessed_bytes = max(budget.small_picture_bytes, _GUESSED_FACTOR * file_bytes)
        wanted_bytes: int | None = min(guessed_bytes, budget.largest_picture_bytes(file_bytes))
        trials = itertools.count()
        while True:
            if is_alone or next(trials) >= _MOST_TRIALS:
                wanted_bytes = None
            hold = await budget.acquire_decoding(wanted_bytes, file_bytes, waits)
            try:
                return await self._run(work, hold)
            except NeedsMemory as err:
                if hold.is_alone or (err.needed_bytes or 0) > self._limit_bytes:
                    raise
                wanted_bytes = err.needed_bytes

    async def _run(self, work: Callable[[Hold], _T], hold: Hold) -> _T:
        # In this task's context, so that the log says for which task a decoder has died.
        work_here = partial(copy_context().run, work, hold)
        try:
            running = self._threads.begin(work_here)
        except RuntimeError:
            # The machine gives no thread; others still need the memory.
            hold.release()
            raise
        # A thread cannot be cancelled: until it ends, its decoder takes the memory.
        running.add_done_callback(partial(_note_end, hold))
        try:
            return await asyncio.shield(running)
        finally:
            # Its error refers to this frame: the circle would keep the file in memory.
            del running


def _note_end(hold: Hold, running: "asyncio.Future[Any]") -> None:
    hold.release()
    if not running.cancelled():
        # Nobody may wait for it any more; an error that nobody has seen would be logged.
        running.exception()
