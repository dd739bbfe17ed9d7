"""An event loop whose clock jumps ahead when nothing else is left to do, so that no test waits."""

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timeout, moves the clock; waits for threads that are at work."""

    now_s = 0.0
    threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:
            return super().select(0)
        if timeout is None or self.threads:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For tests without sockets: timers fire in their order, and at once."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        future.add_done_callback(self._note_end_of_thread)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the name that asyncio has
        self._jumping.threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._jumping.threads -= 1

    def wait_for(self, running: Future[Any]) -> None:
        """The clock stands still while a thread does this."""
        self._jumping.threads += 1

        def note_end(done: Future[Any]) -> None:
            # Its result may have ended the loop already.
            with contextlib.suppress(RuntimeError):
                self.call_soon_threadsafe(self._note_end_of_thread, done)

        running.add_done_callback(note_end)

    def _note_end_of_thread(self, _future: asyncio.Future[Any] | Future[Any]) -> None:
        self._jumping.threads -= 1


class VirtualTimeThreads(ThreadPoolExecutor):
    """Threads that a loop with virtual time waits for, however work is given to them."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        running = super().submit(fn, *args, **kwargs)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.wait_for(running)
        return running


def run_in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` without waiting."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)
