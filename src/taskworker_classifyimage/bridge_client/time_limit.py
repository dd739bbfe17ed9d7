"""A limit of a block's time whose clock can stand still, for reasons that may overlap."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class TimeLimit:
    """The time that is left for a block; its clock runs unless something stops it.

    Stops are many and short, and time is rarely over, so only the one timer looks at the clock.
    """

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._end_s = _now_s() + seconds
        self._stops = 0
        self._stopped_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._check()

    def stop(self) -> None:
        """Stops the clock; every stop needs a start of its own."""
        if self._stops == 0:
            self._stopped_s = _now_s()
        self._stops += 1

    def start(self) -> None:
        """Lets the clock go on, if nothing else has stopped it."""
        self._stops -= 1
        if self._stops == 0:
            self._end_s += _now_s() - self._stopped_s
            if self._timer is None:
                self._check()

    def close(self) -> None:
        """Ends the limit."""
        self._stops += 1
        if self._timer is not None:
            self._timer.cancel()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stops the clock for the time of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _check(self) -> None:
        """Ends the block if its time is over; else looks again at its end."""
        self._timer = None
        if self._stops:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._end_s:
            self._timeout.reschedule(self._end_s)
        else:
            self._timer = loop.call_at(self._end_s, self._check)


@asynccontextmanager
async def limit_time(seconds: float) -> AsyncIterator[TimeLimit]:
    """Limits the time of a block.

    Raises:
        TimeoutError: the time is over.
    """
    async with asyncio.timeout(None) as timeout:
        limit = TimeLimit(timeout, seconds)
        try:
            yield limit
        finally:
            limit.close()


def _now_s() -> float:
    """The event loop's clock, which tests can replace."""
    return asyncio.get_running_loop().time()
