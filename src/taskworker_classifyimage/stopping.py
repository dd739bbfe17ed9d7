"""Turns SIGTERM, Ctrl-C and Ctrl-Break into an orderly shutdown."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from taskworker_classifyimage.errors import ExitCode

#: Docker sends SIGKILL 10 s after SIGTERM.
_LONGEST_STOP_S: Final = 9.5

_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
)


def exit_on_sigterm() -> None:
    """Lets SIGTERM end the process with exit code 0 until `stop_on_signals` is entered.

    Without a handler the first process of a container would ignore the signal: the kernel delivers
    only signals that this process handles (pid_namespaces(7)).
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """Yields an event that the first signal sets; a second signal ends the process at once.

    The process ends at the latest 9.5 s after the first signal, even if a thread hangs in a library
    that cannot be interrupted. Call it in the main thread while the event loop runs.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(ExitCode.FORCED)
        # Wakes up the event loop on Windows, too.
        loop.call_soon_threadsafe(_begin_stop, stop)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def unless(stop: asyncio.Event, awaitable: Awaitable[None]) -> None:
    """Waits until the awaitable is done or `stop` is set."""
    waiting = asyncio.ensure_future(awaitable)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            waiting.result()
    finally:
        for task in (waiting, stopping):
            task.cancel()
        await asyncio.wait({waiting, stopping})


def _begin_stop(stop: asyncio.Event) -> None:
    stop.set()
    timer = threading.Timer(_LONGEST_STOP_S, _end_late)
    # The timer must not delay the exit of a process that has finished.
    timer.daemon = True
    timer.start()


def _end_late() -> None:
    sys.stderr.write("did not stop in time; ending now\n")
    sys.stderr.flush()
    os._exit(ExitCode.FAILED)
