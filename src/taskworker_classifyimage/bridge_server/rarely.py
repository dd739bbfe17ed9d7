"""Log lines that anybody can cause: few a minute of each kind, and how many were left out."""

import logging
import time
from collections.abc import Callable
from typing import Final

INTERVAL_S: Final = 60.0


class RareLog:
    """Logs one kind of line at most `most` times in `INTERVAL_S`: nobody can fill the log."""

    def __init__(
        self,
        log: logging.Logger,
        level: int,
        most: int = 1,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._level = level
        self._most = most
        self._clock = clock
        self._written = 0
        self._next_s = float("-inf")
        self._left_out = 0

    def write(self, text: str) -> None:
        """Logs a line, or counts it."""
        now_s = self._clock()
        if now_s >= self._next_s:
            self._next_s, self._written = now_s + INTERVAL_S, 0
        if self._written >= self._most:
            self._left_out += 1
            return
        if self._left_out:
            text = f"{text} not_logged={self._left_out}"
        self._written, self._left_out = self._written + 1, 0
        self._log.log(self._level, "%s", text)
