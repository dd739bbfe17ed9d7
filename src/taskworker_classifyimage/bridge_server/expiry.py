"""What ends with time: leases that no worker renews, and tasks that were completed long ago."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Final

from taskworker_classifyimage.bridge_server.retention import Retention
from taskworker_classifyimage.bridge_server.store import TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads

_log = logging.getLogger(__name__)

REOPEN_INTERVAL_S: Final = 0.25
REMOVE_INTERVAL_S: Final = 3600.0
COUNT_INTERVAL_S: Final = 600.0
#: How many tasks are removed at once; between two batches the bridge answers calls.
_BATCH_TASKS: Final = 100


class LeaseTimes:
    """When each running lease ends, the earliest first; all leases have the same length.

    The times are kept in memory, on a clock that nobody sets. A bridge that starts gives every
    lease its full length again: no worker could renew one while the bridge was down. A lease is
    identified by its task and the attempt, the number of the take.

    Attributes:
        length_s: how long a lease runs from its beginning or its latest renewal.
    """

    def __init__(self, length_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.length_s = length_s
        self._clock = clock
        self._running: dict[str, tuple[int, float]] = {}

    def begin(self, task_id: str, attempt: int) -> None:
        """Starts the lease of a task."""
        # Removed first: a key that is set again would keep its old place in the order.
        self._running.pop(task_id, None)
        self._running[task_id] = (attempt, self._clock() + self.length_s)

    def renew(self, task_id: str, attempt: int) -> bool:
        """Gives a lease its full length again; False if it has ended."""
        running = self._running.get(task_id)
        if running is None or running[0] != attempt:
            return False
        self.begin(task_id, attempt)
        return True

    def end(self, task_id: str) -> None:
        """Forgets the lease of a task, if it has one."""
        self._running.pop(task_id, None)

    def list_expired(self) -> list[tuple[str, int]]:
        """Lists task and attempt of each lease whose time is over; they stay until `end`."""
        now_s = self._clock()
        expired: list[tuple[str, int]] = []
        for task_id, (attempt, end_s) in self._running.items():
            if end_s > now_s:
                break
            expired.append((task_id, attempt))
        return expired


async def repeat(chore: Callable[[], Awaitable[None]], interval_s: float) -> None:
    """Runs a chore, and again after each interval, until cancelled; database errors are logged."""
    while True:
        try:
            await chore()
        except sqlite3.Error as err:
            _log.error("bridge.chore_failed error=%s", err)
        await asyncio.sleep(interval_s)


async def reopen_expired(store: TaskStore, leases: LeaseTimes) -> None:
    """Reopens the tasks whose lease has expired."""
    reopened = 0
    for task_id, attempt in leases.list_expired():
        status = store.expire_lease(task_id, attempt)
        leases.end(task_id)
        reopened += status == "open"
        if status == "completed":
            _log.warning("bridge.given_up task=%s attempts=%d", task_id, attempt)
    if reopened:
        # One line for all: a worker that died may have had many.
        _log.warning("bridge.leases_run_out reopened=%d", reopened)


async def count_time(retention: Retention) -> None:
    """Counts the time that has passed; what is completed ages by it."""
    retention.count()


async def remove_finished(store: TaskStore, uploads: Uploads, age_s: float) -> None:
    """Removes the tasks that were completed at least `age_s` ago, and their files."""
    count = 0
    while batch := store.remove_finished(age_s, _BATCH_TASKS):
        for task_id, has_file in batch:
            if has_file:
                uploads.remove(task_id)
        count += len(batch)
        await asyncio.sleep(0)
    if count:
        _log.info("bridge.finished_removed tasks=%d", count)
