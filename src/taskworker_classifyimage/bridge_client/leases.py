"""The tasks that the embedded bridge has leased to this worker: it reopens what nobody renews.

The releases of TaskBridge lease nothing; with them nothing happens here.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.bridge_client.answers import finite_number

#: Share of a lease after which it is renewed: two renewals in a row may be lost.
_RENEW_AFTER: Final = 1 / 3


@dataclass(slots=True)
class _Lease:
    attempt: int
    renew_after_s: float
    due_s: float


class Leases:
    """The leases by task; each belongs to one take, which has a number."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._leases: dict[str, _Lease] = {}

    def note(self, task_id: str, answer: Mapping[str, object], *, is_new: bool) -> None:
        """Remembers the lease that an answer about a task contains, if there is one.

        Args:
            task_id: the task's id.
            answer: to a take, or the task's details.
            is_new: whether the lease begins now; an older one is renewed at once.
        """
        attempt, length_s = answer.get("attempt"), finite_number(answer.get("lease"))
        if isinstance(attempt, int) and length_s is not None and length_s > 0:
            renew_after_s = length_s * _RENEW_AFTER
            due_s = self._clock() + (renew_after_s if is_new else 0.0)
            self._leases[task_id] = _Lease(attempt, renew_after_s, due_s)

    def as_json(self, task_id: str) -> dict[str, object]:
        """The JSON keys by which a call names the lease of its task; empty without a lease."""
        lease = self._leases.get(task_id)
        return {} if lease is None else {"attempt": lease.attempt}

    def renewal_limit_s(self, task_id: str) -> float | None:
        """How long one renewal may take without harm; None without a lease."""
        lease = self._leases.get(task_id)
        return None if lease is None else lease.renew_after_s

    def note_renewal(self, task_id: str) -> None:
        """Starts a lease anew."""
        if task_id in self._leases:
            lease = self._leases[task_id]
            lease.due_s = self._clock() + lease.renew_after_s

    def give_up(self, task_id: str) -> None:
        """Never renews this lease again: it has ended."""
        if task_id in self._leases:
            self._leases[task_id].due_s = float("inf")

    def due(self, in_hand: Collection[str]) -> list[str]:
        """Ids of the tasks to renew now; forgets the leases of all tasks that are not in hand."""
        self._leases = {
            task_id: self._leases[task_id] for task_id in in_hand if task_id in self._leases
        }
        now_s = self._clock()
        return [task_id for task_id, lease in self._leases.items() if lease.due_s <= now_s]
