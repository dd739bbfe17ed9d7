"""Who asked for work lately. Kept in memory: a restart forgets it, and the next poll brings it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: A worker that has not asked for this long is no longer listed.
SILENCE_S: Final = 30 * 60.0


@dataclass(frozen=True)
class WorkerPing:
    """The last time a worker asked for tasks of a type; `task_id` None means it got none."""

    name: str
    type: str
    task_id: str | None
    at_s: float


class WorkerRoster:
    """The workers by name and type, the longest silent first."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pings: dict[tuple[str, str], WorkerPing] = {}

    def note(self, name: str, task_type: str, task_id: str | None) -> None:
        """A worker has just asked, and got this task or none."""
        # Removed and set anew, so that the order stays that of the pings.
        self._pings.pop((name, task_type), None)
        self._pings[name, task_type] = WorkerPing(name, task_type, task_id, self._clock())
        self._drop_silent()

    def listed(self) -> list[dict[str, str | int]]:
        """The workers as the protocol shows them; lastping is in milliseconds."""
        self._drop_silent()
        now_s = self._clock()
        return [_as_listed(ping, now_s) for ping in self._pings.values()]

    def _drop_silent(self) -> None:
        oldest_s = self._clock() - SILENCE_S
        while self._pings:
            longest_silent = next(iter(self._pings.values()))
            if longest_silent.at_s >= oldest_s:
                return
            del self._pings[longest_silent.name, longest_silent.type]


def _as_listed(ping: WorkerPing, now_s: float) -> dict[str, str | int]:
    listed: dict[str, str | int] = {
        "name": ping.name,
        "type": ping.type,
        "status": "idle" if ping.task_id is None else "working",
        "lastping": int((now_s - ping.at_s) * 1000),
    }
    if ping.task_id is not None:
        listed["taskid"] = ping.task_id
    return listed
