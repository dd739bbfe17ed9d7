"""Runs work on threads for an event loop, and hands over together what finishes close together.

An event loop that is woken for each picture finds its code and data gone from the processor's
caches: what it does for eight at once costs 10 to 15 % less (benchmarks/README.md).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Final, TypeVar

#: As many results go together, if more work waits; none waits longer for others.
_MOST_RESULTS: Final = 8
_LONGEST_S: Final = 0.02

_T = TypeVar("_T")
#: One piece of work and who waits for it; empty when a thread has taken it out.
_Job = list[tuple[Callable[[], _T], asyncio.Future[_T]]]


class OnThreads:
    """Uses the threads of an executor, which others may use as well; for one event loop."""

    def __init__(self, threads: Executor) -> None:
        """Takes the executor; the caller shuts it down."""
        self._threads = threads
        #: What no thread has begun.
        self._waiting: set[asyncio.Future[Any]] = set()
        #: What nobody has got.
        self._unfinished: set[asyncio.Future[Any]] = set()
        #: What threads have done, and the loop has not handed over.
        self._finished: deque[tuple[asyncio.Future[Any], Callable[[], object]]] = deque()
        self._is_woken = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, work: Callable[[], _T]) -> "asyncio.Future[_T]":
        """Begins to run work as soon as a thread is free.

        Returns:
            What it comes to; cancelled if the executor is shut down before.

        Raises:
            RuntimeError: the machine gives no thread.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._waiting.add(future)
        job = [(work, future)]
        try:
            running = self._threads.submit(self._work, job)
        except RuntimeError:
            # A thread that is there may do it all the same, for nobody.
            self._waiting.discard(future)
            raise
        running.add_done_callback(partial(self._note_end, job))
        self._unfinished.add(future)
        if self._timer is None:
            self._timer = loop.call_later(_LONGEST_S, self._hand_over_at_times)
        return future

    def _work(self, job: _Job[_T]) -> None:
        """On a thread."""
        work, future = job.pop()
        self._waiting.discard(future)
        try:
            finish = partial(future.set_result, work())
        except BaseException as err:  # noqa: BLE001 - whoever waits for it gets it
            finish = partial(future.set_exception, err)
        self._note_finished(future, finish)
        # An error refers to this frame and to the executor's, and these to the job: if they still
        # had its work or its future, the circle would keep a file in memory.
        del work, future, finish

    def _note_end(self, job: _Job[Any], running: Future[None]) -> None:
        if running.cancelled():
            _, future = job.pop()
            self._waiting.discard(future)
            self._note_finished(future, future.cancel)

    def _note_finished(self, future: "asyncio.Future[Any]", finish: Callable[[], object]) -> None:
        self._finished.append((future, finish))
        is_time = not self._waiting or len(self._finished) >= _MOST_RESULTS
        if is_time and not self._is_woken:
            self._is_woken = True
            # At the end of the program nobody waits any more.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._is_woken = False
        while self._finished:
            future, finish = self._finished.popleft()
            self._unfinished.discard(future)
            # Whoever waited for it may have given up.
            if not future.done():
                finish()

    def _hand_over_at_times(self) -> None:
        """Hands over what the threads leave behind that have begun something that takes longer."""
        self._timer = None
        self._hand_over()
        if self._unfinished:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_LONGEST_S, self._hand_over_at_times)
