"""What calls bring: how much one may, and how much JSON of all calls may lie in memory at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from taskworker_classifyimage.bridge_server.limits import Limits

#: Notes that so many more bytes of a call are kept; raises the HTTP error if that is too much.
Hold = Callable[[int], None]


class Intake:
    """One server's.

    Attributes:
        limits: of each call.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._held_bytes = 0

    @contextmanager
    def call(self) -> Iterator[Hold]:
        """What a call holds, it holds to the end of the block; most hold too little to count."""
        arrived_bytes = held_bytes = 0

        def hold(size_bytes: int) -> None:
            nonlocal arrived_bytes, held_bytes
            arrived_bytes += size_bytes
            if arrived_bytes <= self.limits.other_bytes:
                return
            if self._held_bytes + size_bytes > self.limits.held_bytes:
                # If it waited, all might wait, each for memory that the others have.
                raise web.HTTPServiceUnavailable(text="too much large JSON at once; try again")
            held_bytes += size_bytes
            self._held_bytes += size_bytes

        try:
            yield hold
        finally:
            self._held_bytes -= held_bytes
