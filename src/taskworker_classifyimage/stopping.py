"""Turning SIGTERM, Ctrl-C and their Windows kin into an orderly end."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: What a shell reports for a program that Ctrl-C ended.
EXIT_FORCED: Final = 130

_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
)


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """Gives an event that the first signal sets; a second signal ends the process at once.

    Has to be entered in the main thread while the event loop runs.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(EXIT_FORCED)
        # Only this wakes a loop that sleeps, on Windows too.
        loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
