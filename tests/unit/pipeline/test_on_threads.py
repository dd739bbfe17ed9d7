"""Work on threads: who waits for it gets it, soon, whatever other work does."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any, TypeVarTuple

import pytest

from taskworker_classifyimage.pipeline.on_threads import OnThreads

Ts = TypeVarTuple("Ts")


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """An executor with one thread."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


def test_each_gets_its_own_result(thread: ThreadPoolExecutor) -> None:
    async def run() -> list[int]:
        on_threads = OnThreads(thread)
        return await asyncio.gather(*[on_threads.begin(partial(pow, n, 2)) for n in range(100)])

    assert asyncio.run(run()) == [number**2 for number in range(100)]


def test_an_error_goes_to_who_waits_for_it_alone(thread: ThreadPoolExecutor) -> None:
    async def run() -> None:
        on_threads = OnThreads(thread)
        fails, works = on_threads.begin(partial(int, "a")), on_threads.begin(partial(int, "7"))
        with pytest.raises(ValueError, match="invalid literal"):
            await fails
        assert await works == 7

    asyncio.run(run())


def test_what_takes_long_holds_back_nothing_that_is_finished(thread: ThreadPoolExecutor) -> None:
    begins, goes_on = threading.Event(), threading.Event()

    async def run() -> None:
        on_threads = OnThreads(thread)
        quick = on_threads.begin(lambda: begins.wait() and "quick")
        slow, behind = on_threads.begin(goes_on.wait), on_threads.begin(lambda: "behind")
        try:
            # Longer than the loop leaves finished work alone.
            await asyncio.sleep(0.1)
            begins.set()
            async with asyncio.timeout(30):
                assert await quick == "quick"
            assert not slow.done()
            assert not behind.done()
        finally:
            begins.set()
            goes_on.set()
        assert await behind == "behind"

    asyncio.run(run())


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often threads wake it."""

    wakes = 0

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self.wakes += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def test_results_come_together_while_more_work_waits(thread: ThreadPoolExecutor) -> None:
    both_wait, second_begins, goes_on = (threading.Event() for _ in range(3))

    def second_work() -> None:
        second_begins.set()
        goes_on.wait()

    async def run() -> list[int]:
        on_threads = OnThreads(thread)
        first, second = on_threads.begin(both_wait.wait), on_threads.begin(second_work)
        both_wait.set()
        # The loop has no turn in which it could look for what is finished.
        assert second_begins.wait(30)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        wakes = [loop.wakes]
        goes_on.set()
        await asyncio.gather(first, second)
        return [*wakes, loop.wakes]

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(run()) == [0, 1]


def test_who_gave_up_keeps_nobody_waiting(thread: ThreadPoolExecutor) -> None:
    faults = list[object]()

    async def run() -> str:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        on_threads, goes_on = OnThreads(thread), threading.Event()
        on_threads.begin(goes_on.wait).cancel()
        goes_on.set()
        return await on_threads.begin(lambda: "next")

    assert asyncio.run(run()) == "next"
    assert not faults


def test_a_shutdown_cancels_what_has_not_begun(thread: ThreadPoolExecutor) -> None:
    goes_on = threading.Event()

    def begun() -> str:
        goes_on.wait()
        return "begun"

    async def run() -> list[str | BaseException]:
        on_threads = OnThreads(thread)
        works = [begun, lambda: "never", lambda: "never"]
        futures = [on_threads.begin(work) for work in works]
        thread.shutdown(wait=False, cancel_futures=True)
        goes_on.set()
        return await asyncio.gather(*futures, return_exceptions=True)

    first, *others = asyncio.run(run())
    assert first == "begun"
    assert [type(end) for end in others] == [asyncio.CancelledError] * 2


class Short(Executor):
    """A machine that has no thread left, at first."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self.is_short = True
        self._thread = thread

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.is_short:
            raise RuntimeError("can't start new thread")
        return self._thread.submit(fn, *args, **kwargs)


def test_work_that_gets_no_thread_is_refused_and_never_done(thread: ThreadPoolExecutor) -> None:
    done = list[str]()

    async def run() -> None:
        short = Short(thread)
        on_threads = OnThreads(short)
        with pytest.raises(RuntimeError, match="new thread"):
            on_threads.begin(lambda: done.append("refused"))
        short.is_short = False
        await on_threads.begin(lambda: done.append("taken"))

    asyncio.run(run())
    assert done == ["taken"]


def test_a_thread_that_fails_to_start_takes_no_other_work_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The executor has its work by then, and another thread may have begun it."""
    goes_on, refused_begins = threading.Event(), threading.Event()
    start = threading.Thread.start

    def fail_late(thread: threading.Thread) -> None:
        if thread.name != "few_1":
            start(thread)
            return
        goes_on.set()
        assert refused_begins.wait(30)
        raise RuntimeError("can't start new thread")

    async def run() -> tuple[bool, str]:
        monkeypatch.setattr(threading.Thread, "start", fail_late)
        on_threads = OnThreads(threads)
        first = on_threads.begin(goes_on.wait)
        with pytest.raises(RuntimeError, match="new thread"):
            on_threads.begin(refused_begins.set)
        async with asyncio.timeout(30):
            return await first, await on_threads.begin(lambda: "next")

    with ThreadPoolExecutor(2, "few") as threads:
        assert asyncio.run(run()) == (True, "next")


class Picture:
    """A file that fails."""

    def decode(self) -> None:
        raise ValueError("damaged")


def test_what_failed_does_not_stay_in_memory(thread: ThreadPoolExecutor) -> None:
    """Until Python looks for circles, which is rare, and a file may be large."""

    async def run() -> "weakref.ref[Picture]":
        picture, on_threads = Picture(), OnThreads(thread)
        with pytest.raises(ValueError, match="damaged"):
            await on_threads.begin(picture.decode)
        # The thread lets go of what it did when it gets the next.
        await on_threads.begin(lambda: None)
        return weakref.ref(picture)

    gc.disable()
    try:
        assert asyncio.run(run())() is None
    finally:
        gc.enable()
