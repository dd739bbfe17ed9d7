"""How much a client may send, how much JSON may be in memory, and how long things last."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

#: A body of this size takes some milliseconds to parse and to store.
_LARGE_BYTES: Final = 2**20
#: How long nothing large is worked on, by the time that the last one took.
_REST: Final = 2.0
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server; a client that sends more bytes gets 413.

    Attributes:
        upload_bytes: the file of a task.
        json_bytes: the JSON of a new task, and of a result.
        results_bytes: the JSON of several results.
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
    results_bytes: int = 2**20
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
    """Counts the JSON of all calls that are in memory, refuses too much of it, and slows it down.

    Parsing and storing a large body keeps all other calls waiting. So one is worked on at a time,
    and after it nothing large is worked on for twice as long.

    Attributes:
        limits: of the server.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held_bytes = 0
        self.one_large = asyncio.Lock()
        #: Ids of tasks that were read and had much JSON.
        self._large_tasks: dict[str, None] = {}

    @asynccontextmanager
    async def hold(self) -> AsyncIterator["HeldJson"]:
        """Counts the JSON of one call until the block ends."""
        held = HeldJson(self)
        try:
            yield held
        finally:
            self.held_bytes -= held.counted_bytes
            await held.rest()

    @asynccontextmanager
    async def read(self, task_id: str) -> AsyncIterator[Callable[[int], None]]:
        """Around the reading of a task's JSON; one that is known to be large waits for its turn.

        Gives a function that takes down the JSON's size in bytes.
        """

        def note(size_bytes: int) -> None:
            if size_bytes > _LARGE_BYTES:
                self._large_tasks[task_id] = None
                if len(self._large_tasks) > _REMEMBERED:
                    del self._large_tasks[next(iter(self._large_tasks))]

        if task_id not in self._large_tasks:
            yield note
            return
        async with self.one_large:
            begun_s = time.perf_counter()
            yield note
            await asyncio.sleep(_REST * (time.perf_counter() - begun_s))


class HeldJson:
    """The JSON of one call.

    Attributes:
        limits: of the server.
        counted_bytes: what counts of it: not the first `Limits.other_bytes`.
    """

    def __init__(self, memory: RequestMemory) -> None:
        self.limits = memory.limits
        self.counted_bytes = 0
        self._memory = memory
        self._arrived_bytes = 0
        self._begun_s: float | None = None

    def count(self, size_bytes: int) -> None:
        """Counts the call's next bytes; raises the HTTP error 503 if they are too many."""
        self._arrived_bytes += size_bytes
        if self._arrived_bytes <= self.limits.other_bytes:
            return
        if self._memory.held_bytes + size_bytes > self.limits.held_bytes:
            # If calls waited here, they could wait for each other's memory forever.
            raise web.HTTPServiceUnavailable(text="too much large JSON at once; try again")
        self.counted_bytes += size_bytes
        self._memory.held_bytes += size_bytes

    async def wait_for_turn(self) -> None:
        """Waits until a large body may be worked on; a small one never waits."""
        if self._arrived_bytes > _LARGE_BYTES:
            await self._memory.one_large.acquire()
            self._begun_s = time.perf_counter()

    async def rest(self) -> None:
        """Ends the turn, if there was one."""
        if self._begun_s is not None:
            try:
                await asyncio.sleep(_REST * (time.perf_counter() - self._begun_s))
            finally:
                self._memory.one_large.release()


def too_large(limit_bytes: int) -> web.HTTPRequestEntityTooLarge:
    """The HTTP error 413 for a client that sends more than a limit."""
    return web.HTTPRequestEntityTooLarge(
        max_size=limit_bytes, actual_size=limit_bytes + 1, text=f"more than {limit_bytes} bytes"
    )
