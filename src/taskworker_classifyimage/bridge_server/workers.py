"""The workers that asked for tasks lately; kept in memory, as each worker soon asks again."""

import time
from collections.abc import Callable
from typing import Final

import msgspec

#: A worker that has not asked for this long is no longer listed.
SILENCE_S: Final = 30 * 60.0
#: Beyond that, the one that has been silent longest is no longer listed: one that works asks soon.
MOST_WORKERS: Final = 1000


class ListedWorker(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of workers/list, as the protocol has it.

    Attributes:
        name: of the worker.
        type: of the tasks that it asked for.
        status: "working" if it got a task the last time it asked, else "idle".
        lastping: milliseconds since it asked.
        taskid: the task that it got; None: it got none.
    """

    name: str
    type: str
    status: str
    lastping: int
    taskid: str | None = None


class WorkerRoster:
    """The workers by name and type of task, the one that has been silent longest first."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pings: dict[tuple[str, str], tuple[float, str | None]] = {}

    def note(self, name: str, task_type: str, task_id: str | None) -> None:
        """Notes that a worker has just asked, and got this task or none."""
        # Removed first: a key that is set again would keep its old place in the order.
        self._pings.pop((name, task_type), None)
        self._pings[name, task_type] = (self._clock(), task_id)
        if len(self._pings) > MOST_WORKERS:
            del self._pings[next(iter(self._pings))]
        self._drop_silent()

    def list_other_types(self, task_type: str) -> list[str]:
        """Lists the types that workers ask for; none if one of them asks for this type."""
        self._drop_silent()
        types = {asked for _, asked in self._pings}
        return [] if task_type in types else sorted(types)

    def list_recent(self) -> list[ListedWorker]:
        """Lists the workers that have asked within `SILENCE_S`."""
        self._drop_silent()
        now_s = self._clock()
        return [
            ListedWorker(
                name=name,
                type=task_type,
                status="idle" if task_id is None else "working",
                lastping=int((now_s - at_s) * 1000),
                taskid=task_id,
            )
            for (name, task_type), (at_s, task_id) in self._pings.items()
        ]

    def _drop_silent(self) -> None:
        oldest_s = self._clock() - SILENCE_S
        while self._pings:
            key, (at_s, _) = next(iter(self._pings.items()))
            if at_s >= oldest_s:
                return
            del self._pings[key]
