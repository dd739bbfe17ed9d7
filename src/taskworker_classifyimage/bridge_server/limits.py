"""How much a client may send, how much JSON may be in memory, and how long things last."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server; a client that sends more bytes gets 413.

    Attributes:
        upload_bytes: the file of a task.
        json_bytes: the JSON of a new task, and of a result.
        other_bytes: every other JSON body.
        requirements_bytes: the requirements of a task; and `requirements_keys` of them.
        requirements_sets: different requirements of open tasks of one type.
        picture_data_bytes: the data of a task of type `classifyimage`, which its worker must be
            able to read.
        held_bytes: JSON of all calls that is in memory while the rest of each call arrives. The
            first `other_bytes` of a call are not counted. A call that exceeds it gets 503.
        free_bytes: disk space that files leave free, so that results can still be written.
        arrival_s: how long a client may take to send one call, and to read its answer.
        connections: how many clients may be connected; None: as many as descriptors allow.
        lease_s: how long a worker that asks for leases keeps a task without renewing it.
        keep_s: how long completed tasks and their files are kept; None: until they are removed.
    """

    upload_bytes: int = 512 * 2**20
    json_bytes: int = 50 * 2**20
    other_bytes: int = 100 * 2**10
    requirements_bytes: int = 4096
    requirements_keys: int = 32
    requirements_sets: int = 256
    picture_data_bytes: int = 15 * 2**20
    held_bytes: int = 128 * 2**20
    free_bytes: int = 256 * 2**20
    arrival_s: float = 3600.0
    connections: int | None = None
    lease_s: float = 60.0
    keep_s: float | None = None


class RequestMemory:
    """Counts the JSON of all calls that are still arriving, and refuses too much of it.

    Attributes:
        limits: of the server.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._held_bytes = 0

    @contextmanager
    def hold(self) -> Iterator[Callable[[int], None]]:
        """Gives a function that counts a call's next bytes; they count until the block ends.

        The function raises the HTTP error 503 if they are too many.
        """
        arrived_bytes = held_bytes = 0

        def count(size_bytes: int) -> None:
            nonlocal arrived_bytes, held_bytes
            arrived_bytes += size_bytes
            if arrived_bytes <= self.limits.other_bytes:
                return
            if self._held_bytes + size_bytes > self.limits.held_bytes:
                # If calls waited here, they could wait for each other's memory forever.
                raise web.HTTPServiceUnavailable(text="too much large JSON at once; try again")
            held_bytes += size_bytes
            self._held_bytes += size_bytes

        try:
            yield count
        finally:
            self._held_bytes -= held_bytes


def too_large(limit_bytes: int) -> web.HTTPRequestEntityTooLarge:
    """The HTTP error 413 for a client that sends more than a limit."""
    return web.HTTPRequestEntityTooLarge(
        max_size=limit_bytes, actual_size=limit_bytes + 1, text=f"more than {limit_bytes} bytes"
    )
