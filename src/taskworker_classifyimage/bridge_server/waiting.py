"""Calls that wait: a worker's take until there is a task, a client's status until it changes.

Each is a future that the change itself ends, so that a thousand of them cost nothing meanwhile.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from taskworker_classifyimage.bridge_server.changes import Change
from taskworker_classifyimage.bridge_server.connections import Connection, Connections
from taskworker_classifyimage.bridge_server.records import is_suited

#: The longest that a call may wait; reverse proxies end calls after a minute.
LONGEST_S: Final = 30.0

#: What a worker can do, in one way or another.
Offers = Sequence[Mapping[str, object]]


class Waiting:
    """The calls that wait now; used on one event loop."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._statuses: dict[str, set[asyncio.Future[None]]] = {}
        #: By type of task, the one that has waited longest first.
        self._takes: dict[str, dict[asyncio.Future[None], Offers]] = {}
        self._woken_by: dict[asyncio.Future[None], Change] = {}
        self._is_closed = False

    @property
    def takes(self) -> int:
        """How many takes wait."""
        return sum(map(len, self._takes.values()))

    @property
    def statuses(self) -> int:
        """How many questions for a status wait."""
        return sum(map(len, self._statuses.values()))

    def note(self, change: Change) -> None:
        """Ends the waits for a change of this task, and one wait for such a task."""
        for future in self._statuses.get(change.task_id, ()):
            _end(future)
        if change.became == "open":
            self._wake_one(change)

    def suits(self, task_type: str, requirements: str) -> bool:
        """Whether a take waits that may get such a task."""
        return self._find(task_type, requirements) is not None

    async def for_change(self, connection: Connection, task_id: str, most_s: float) -> bool:
        """Waits until a task has changed, or the time is over; returns whether it could wait."""
        future = asyncio.get_running_loop().create_future()
        same = self._statuses.setdefault(task_id, set())
        same.add(future)
        try:
            return await self._until_ended(connection, future, most_s)
        finally:
            same.discard(future)
            if not same and self._statuses.get(task_id) is same:
                del self._statuses[task_id]

    async def for_task(
        self, connection: Connection, task_type: str, offers: Offers, most_s: float
    ) -> bool:
        """Waits until there is a task that one of the offers suits; returns whether there is one.

        There is none if the time is over, or the client has gone.
        """
        future = asyncio.get_running_loop().create_future()
        same = self._takes.setdefault(task_type, {})
        same[future] = offers
        try:
            await self._until_ended(connection, future, most_s)
        finally:
            same.pop(future, None)
            if not same and self._takes.get(task_type) is same:
                del self._takes[task_type]
            woken_by = self._woken_by.pop(future, None)
        if woken_by is not None and connection.is_lost:
            # The task is for another one that waits.
            self._wake_one(woken_by)
            return False
        return woken_by is not None

    def close(self) -> None:
        """Ends all waits; later ones end at once."""
        self._is_closed = True
        for futures in (*self._statuses.values(), *self._takes.values()):
            for future in futures:
                _end(future)

    async def _until_ended(
        self, connection: Connection, future: asyncio.Future[None], most_s: float
    ) -> bool:
        """Waits; returns whether it could, and the client is still there."""
        if self._is_closed:
            return False
        timer = asyncio.get_running_loop().call_later(most_s, _end, future)
        try:
            with self._connections.wait(connection, lambda: _end(future)) as has_place:
                if has_place:
                    await future
        finally:
            timer.cancel()
        return has_place and not self._is_closed and not connection.is_lost

    def _wake_one(self, change: Change) -> None:
        future = self._find(change.type, change.requirements)
        if future is not None:
            # Not again, before it has found out whether it gets the task.
            del self._takes[change.type][future]
            self._woken_by[future] = change
            _end(future)

    def _find(self, task_type: str, requirements: str) -> asyncio.Future[None] | None:
        for future, offers in self._takes.get(task_type, {}).items():
            if not future.done() and any(is_suited(offer, requirements) for offer in offers):
                return future
        return None


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
