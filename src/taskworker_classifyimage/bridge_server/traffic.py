"""The calls that are being answered, so that a stop can let them come to their end.

aiohttp closes connections when it stops, and drops what of a running upload still arrives; so the
bridge waits here first.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Traffic:
    """Counts calls.

    Attributes:
        is_ending: every connection is to be closed after its present call.
    """

    def __init__(self) -> None:
        self.is_ending = False
        self._calls = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call, from its first header to its answer."""
        self._calls += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._quiet.set()

    async def end(self, patience_s: float) -> None:
        """Wait until no call runs, but no longer than some seconds."""
        self.is_ending = True
        try:
            async with asyncio.timeout(patience_s):
                await self._quiet.wait()
        except TimeoutError:
            # Whoever is cut off gets no answer, and will try again.
            pass
