"""Which tasks the embedded bridge has leased to us: it gives away what nobody renews in time.

The releases of TaskBridge lease nothing, and nothing here happens with them.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.bridge_client.answers import number

#: Renewed when a third has passed, so that two renewals in a row may be lost.
_RENEW_AFTER: Final = 1 / 3


@dataclass(slots=True)
class _Lease:
    attempt: int
    pause_s: float
    due_s: float


class Leases:
    """The leases by task; each names the take that it is for, by a number."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._leases: dict[str, _Lease] = {}

    def note(self, task_id: str, answer: Mapping[str, object], *, is_new: bool) -> None:
        """Remembers the lease that an answer about a task tells of, if it does.

        Args:
            task_id: the task's.
            answer: to a take, or the task's details.
            is_new: the lease begins now, or else may soon be over and is to be renewed at once.
        """
        attempt, length_s = answer.get("attempt"), number(answer.get("lease"))
        if isinstance(attempt, int) and length_s is not None and length_s > 0:
            pause_s = length_s * _RENEW_AFTER
            due_s = self._clock() + (pause_s if is_new else 0.0)
            self._leases[task_id] = _Lease(attempt, pause_s, due_s)

    def named(self, task_id: str) -> dict[str, object]:
        """What a call has to say of a task's lease; nothing if there is none."""
        lease = self._leases.get(task_id)
        return {} if lease is None else {"attempt": lease.attempt}

    def pause_s(self, task_id: str) -> float | None:
        """How long one renewal may take without harm; None if there is no lease."""
        lease = self._leases.get(task_id)
        return None if lease is None else lease.pause_s

    def note_renewal(self, task_id: str) -> None:
        """A lease runs anew."""
        if task_id in self._leases:
            lease = self._leases[task_id]
            lease.due_s = self._clock() + lease.pause_s

    def give_up(self, task_id: str) -> None:
        """Never renews this lease again: it has ended."""
        if task_id in self._leases:
            self._leases[task_id].due_s = float("inf")

    def due(self, in_hand: Collection[str]) -> list[str]:
        """Tasks to renew now; forgets what is in hand no more."""
        self._leases = {each: self._leases[each] for each in in_hand if each in self._leases}
        now_s = self._clock()
        return [task_id for task_id, lease in self._leases.items() if lease.due_s <= now_s]
