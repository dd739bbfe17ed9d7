"""Waiting for a bridge that is down: one clock for all calls, one log line when it goes and comes.

However many tasks are in flight, after a call that failed one caller at a time knocks and the
others wait for it, so a dead bridge costs a request every few seconds and not a storm. A single
failure may be this call's own, so the first knock comes soon and only a second failure is told.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable

_log = logging.getLogger(__name__)

#: How long to wait after the first failure, the second and so on; the last one stays. No second
#: sees more than five requests, though the HTTP library makes two of a GET that is cut off.
_DELAYS_S: Final = (0.25, 1.0, 2.0, 4.0, 8.0, 15.0)

T = TypeVar("T")


class Outage:
    """Knows whether the bridge is down and lets calls wait for its return."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._failures = 0
        self._retry_after_s = 0.0
        self._told_since_s: float | None = None
        self._knocking = asyncio.Lock()
        self._limits: dict[asyncio.Timeout, float] = {}

    @property
    def is_down(self) -> bool:
        """Whether the last call found the bridge unavailable."""
        return self._failures > 0

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls until the bridge answers, however long that takes.

        Raises:
            BridgeRejected: the bridge answered, and will never do this.
        """
        while True:
            try:
                return await self.attempt(call)
            except BridgeUnavailable:
                continue

    async def attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls once, as soon as the bridge is not known to be down or it is our turn to knock.

        Raises:
            BridgeUnavailable: trying again later can help.
            BridgeRejected: the bridge answered, and will never do this.
        """
        while self.is_down:
            async with self._knocking:
                # Whoever knocked before us may have found it back.
                if self._failures:
                    await asyncio.sleep(self._delay_s())
                    return await self._call(call, is_knock=True)
        return await self._call(call)

    @asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[None]:
        """Ends what happens inside after some time; while the bridge is down the clock stands.

        Raises:
            TimeoutError: the time is over.
        """
        async with asyncio.timeout(None) as timeout:
            self._limits[timeout] = seconds
            if not self.is_down:
                timeout.reschedule(asyncio.get_running_loop().time() + seconds)
            try:
                yield
            finally:
                del self._limits[timeout]

    def _delay_s(self) -> float:
        usual_s = _DELAYS_S[min(self._failures, len(_DELAYS_S)) - 1]
        # Jitter, so that the workers of a lab do not all knock at once.
        return max(usual_s, self._retry_after_s) + usual_s * random.uniform(0.0, 0.5)  # noqa: S311

    async def _call(self, call: Callable[[], Awaitable[T]], *, is_knock: bool = False) -> T:
        """Calls and notes what that says about the bridge."""
        try:
            answer = await call()
        except BridgeUnavailable as err:
            # Of many calls that were under way when the bridge went, the first one tells it.
            if is_knock or not self.is_down:
                self._note_failure(err)
            raise
        except BridgeRejected:
            if is_knock:
                self._note_return()
            raise
        # An answer to a call from before the outage tells nothing of now.
        if is_knock:
            self._note_return()
        return answer

    def _note_failure(self, err: BridgeUnavailable) -> None:
        if not self.is_down:
            self._stop_clocks()
        self._failures += 1
        self._retry_after_s = err.retry_after_s
        if self._told_since_s is None and (self._failures > 1 or err.retry_after_s):
            self._told_since_s = time.monotonic()
            _log.warning("%s is unavailable: %s; trying again", self._url, err)

    def _note_return(self) -> None:
        self._failures = 0
        self._start_clocks()
        if self._told_since_s is not None:
            away_s = time.monotonic() - self._told_since_s
            _log.warning("%s is back after %.0f s", self._url, away_s)
            self._told_since_s = None

    def _stop_clocks(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for timeout in self._limits:
            when_s = timeout.when()
            if when_s is not None and not timeout.expired():
                self._limits[timeout] = when_s - now_s
                timeout.reschedule(None)

    def _start_clocks(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for timeout, left_s in self._limits.items():
            if not timeout.expired():
                timeout.reschedule(now_s + left_s)
