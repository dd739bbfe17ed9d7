"""An event loop in a thread of its own, for those who do not use asyncio."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")


class LoopThread:
    """Starts with the first coroutine, and again after `close`; may be used by several threads."""

    def __init__(self, name: str) -> None:
        """Starts nothing; `name` is that of the thread."""
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not closed since."""
        return self._loop is not None

    def submit(self, coroutine: Coroutine[Any, Any, _T]) -> "Future[_T]":
        """Runs a coroutine.

        Raises:
            RuntimeError: this process is a fork of the one in which it was started.
        """
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._pid = os.getpid()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name=self._name, daemon=True
                )
                self._thread.start()
            loop = self._loop
        if self._pid != os.getpid():
            coroutine.close()
            raise RuntimeError(
                f"a {self._name} is not there after a fork; make one in each process"
            )
        return asyncio.run_coroutine_threadsafe(coroutine, loop)

    def close(self, before: Callable[[], None] = lambda: None) -> None:
        """Ends the loop, if it was started in this process; `before` is called first."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result()
        before()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
