"""A limit of a block's time whose clock can stand still, for reasons that may overlap."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class TimeLimit:
    """The time that is left for a block; its clock runs unless something stops it."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._left_s = seconds
        self._stops = 1
        self.start()

    def stop(self) -> None:
        """Stops the clock; every stop needs a start of its own."""
        if self._stops == 0 and (when_s := self._timeout.when()) is not None:
            self._left_s = when_s - _now_s()
            self._reschedule(None)
        self._stops += 1

    def start(self) -> None:
        """Lets the clock go on, if nothing else has stopped it."""
        self._stops -= 1
        if self._stops == 0:
            self._reschedule(_now_s() + self._left_s)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stops the clock for the time of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _reschedule(self, when_s: float | None) -> None:
        if not self._timeout.expired():
            self._timeout.reschedule(when_s)


@asynccontextmanager
async def limit_time(seconds: float) -> AsyncIterator[TimeLimit]:
    """Limits the time of a block.

    Raises:
        TimeoutError: the time is over.
    """
    async with asyncio.timeout(None) as timeout:
        yield TimeLimit(timeout, seconds)


def _now_s() -> float:
    """The event loop's clock, which tests can replace."""
    return asyncio.get_running_loop().time()
