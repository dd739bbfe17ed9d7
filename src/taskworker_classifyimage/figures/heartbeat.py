"""A file whose age says whether the worker lives, for health checks without a port.

It is touched by the event loop: a process that hangs or is stopped touches it no more.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

#: A check may take a file for stale that is ten times as old.
INTERVAL_S: Final = 5.0


class Heartbeat:
    """A file that is touched as long as all is well."""

    def __init__(self, path: Path | None) -> None:
        """Touches nothing yet; `path`: the file, None if there is none."""
        self._path = path
        self._is_told = False

    def beat(self) -> None:
        """Touches the file; the first failure is logged, as the worker works without it."""
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as err:
            if not self._is_told:
                _log.warning("%s cannot be touched: %s", self._path, err.strerror or err)
            self._is_told = True

    async def keep_beating(self, find_fault: Callable[[], str | None]) -> None:
        """Touches the file while there is no fault; removes it in the end."""
        if self._path is None:
            return
        try:
            while True:
                if find_fault() is None:
                    self.beat()
                await asyncio.sleep(INTERVAL_S)
        finally:
            with contextlib.suppress(OSError):
                self._path.unlink()
