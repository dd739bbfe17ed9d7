"""Waiting for a bridge that is down: one clock for all calls, one log line when it goes and comes.

However many tasks are in flight, one caller at a time knocks while the bridge is down; the others
wait for it, so a dead bridge costs a request every few seconds and not a storm.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable

_log = logging.getLogger(__name__)

_FIRST_DELAY_S = 0.5
_LAST_DELAY_S = 15.0

T = TypeVar("T")


class Outage:
    """Knows whether the bridge is down and lets calls wait for its return."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._down_since_s: float | None = None
        self._delay_s = _FIRST_DELAY_S
        self._knocking = asyncio.Lock()

    @property
    def is_down(self) -> bool:
        """Whether the last call found the bridge unavailable."""
        return self._down_since_s is not None

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls until the bridge answers, however long that takes.

        Raises:
            BridgeRejected: the bridge answered, and will never do this.
        """
        while True:
            if not self.is_down:
                try:
                    return await self._attempt(call)
                except BridgeUnavailable:
                    continue
            async with self._knocking:
                if self.is_down:
                    # Jitter, so that the workers of a lab do not all knock at once.
                    await asyncio.sleep(self._delay_s * random.uniform(0.5, 1.0))  # noqa: S311
                    try:
                        return await self._attempt(call)
                    except BridgeUnavailable as err:
                        doubled = min(self._delay_s * 2, _LAST_DELAY_S)
                        self._delay_s = max(doubled, err.retry_after_s)

    async def _attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls once and notes what that says about the bridge.

        Raises:
            BridgeUnavailable: trying again later can help.
            BridgeRejected: the bridge answered, and will never do this.
        """
        try:
            answer = await call()
        except BridgeUnavailable as err:
            if self._down_since_s is None:
                self._down_since_s = time.monotonic()
                _log.warning("%s is unavailable: %s; trying again", self._url, err)
            raise
        except BridgeRejected:
            self._note_return()
            raise
        self._note_return()
        return answer

    def _note_return(self) -> None:
        if self._down_since_s is not None:
            away_s = time.monotonic() - self._down_since_s
            _log.warning("%s is back after %.0f s", self._url, away_s)
            self._down_since_s = None
            self._delay_s = _FIRST_DELAY_S
