"""Waiting for a bridge that is down: one clock for all calls, one log line each way.

However many tasks are in flight, after a failed call only one caller at a time probes the bridge
and the others wait for it, so a dead bridge costs one request every few seconds. A single failure
may concern one call only, so the first probe comes soon and only a second failure is logged.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from taskworker_classifyimage.bridge_client.time_limit import TimeLimit, limit_time
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable

_log = logging.getLogger(__name__)

#: Pause after the first failure, the second and so on; the last one repeats. No second sees more
#: than five requests, although the HTTP library repeats a GET whose connection was cut.
_DELAYS_S: Final = (0.25, 1.0, 2.0, 4.0, 8.0, 15.0)
#: An outage that lasts is logged again after these times, and then each time after the last one.
_LOG_AGAIN_S: Final = (600.0, 3600.0, 6 * 3600.0)

T = TypeVar("T")


class Outage:
    """Knows whether the bridge is down, and lets calls wait for its return."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._failures = 0
        self._retry_after_s = 0.0
        self._down_since_s: float | None = None
        self._log_again_s = iter(_LOG_AGAIN_S)
        self._next_log_s = 0.0
        self._probing = asyncio.Lock()
        self._limits: set[TimeLimit] = set()
        self._answered_s: float | None = None

    @property
    def silence_s(self) -> float | None:
        """Seconds since the last answer; None: there was none."""
        return None if self._answered_s is None else _now_s() - self._answered_s

    @property
    def is_down(self) -> bool:
        """Whether the last call found the bridge unavailable."""
        return self._failures > 0

    async def call_until_answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeats a call until the bridge answers, however long that takes.

        Raises:
            BridgeRejected: the bridge answered, and will never do this.
        """
        while True:
            try:
                return await self.call(call)
            except BridgeUnavailable:
                continue

    async def call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls once: at once if the bridge is not known to be down, else as the next probe.

        Raises:
            BridgeUnavailable: trying again later can help.
            BridgeRejected: the bridge answered, and will never do this.
        """
        while self.is_down:
            async with self._probing:
                # The previous probe may have found the bridge back.
                if self._failures:
                    await asyncio.sleep(self._delay_s())
                    return await self._call(call, is_probe=True)
        return await self._call(call)

    @asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[TimeLimit]:
        """Limits the time of a block; the clock stops while the bridge is down.

        Raises:
            TimeoutError: the time is over.
        """
        async with limit_time(seconds) as limit:
            if self.is_down:
                limit.stop()
            self._limits.add(limit)
            try:
                yield limit
            finally:
                self._limits.discard(limit)

    def _delay_s(self) -> float:
        usual_s = _DELAYS_S[min(self._failures, len(_DELAYS_S)) - 1]
        # Jitter, so that the workers of a lab do not all probe at once.
        return max(usual_s, self._retry_after_s) + usual_s * random.uniform(0.0, 0.5)  # noqa: S311

    async def _call(self, call: Callable[[], Awaitable[T]], *, is_probe: bool = False) -> T:
        """Calls, and notes what the outcome says about the bridge."""
        try:
            answer = await call()
        except BridgeUnavailable as err:
            # Of many calls that were under way when the bridge went, only the first one counts.
            if is_probe or not self.is_down:
                self._note_failure(err)
            raise
        except BridgeRejected:
            self._answered_s = _now_s()
            if is_probe:
                self._note_return()
            raise
        self._answered_s = _now_s()
        # An answer to a call that began before the outage says nothing about now.
        if is_probe:
            self._note_return()
        return answer

    def _note_failure(self, err: BridgeUnavailable) -> None:
        if not self.is_down:
            for limit in self._limits:
                limit.stop()
        self._failures += 1
        self._retry_after_s = err.retry_after_s
        if self._down_since_s is None and (self._failures > 1 or err.retry_after_s):
            self._down_since_s = _now_s()
            self._log_again_s = iter(_LOG_AGAIN_S)
            self._next_log_s = self._down_since_s + next(self._log_again_s)
            _log.warning("%s is unavailable: %s; trying again", self._url, err)
        elif self._down_since_s is not None and _now_s() >= self._next_log_s:
            down_s = _now_s() - self._down_since_s
            self._next_log_s = _now_s() + next(self._log_again_s, _LOG_AGAIN_S[-1])
            _log.warning(
                "%s is unavailable for %.0f min: %s; trying again", self._url, down_s / 60, err
            )

    def _note_return(self) -> None:
        if self.is_down:
            for limit in self._limits:
                limit.start()
        self._failures = 0
        if self._down_since_s is not None:
            _log.warning("%s is back after %.0f s", self._url, _now_s() - self._down_since_s)
            self._down_since_s = None


def _now_s() -> float:
    """The event loop's clock, which tests can replace."""
    return asyncio.get_running_loop().time()
