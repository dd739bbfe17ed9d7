"""Until when each leased task is its worker's; kept in memory, on a clock that nobody sets.

A bridge that starts gives every lease its whole length again: who held a task while the bridge was
away could not renew it. A lease is named by its task and the attempt, the number of its take.
"""

import time
from collections.abc import Callable


class Leases:
    """The leases that run, the one that ends first at the front; all are equally long.

    Attributes:
        length_s: how long a lease runs, and runs again when it is renewed.
    """

    def __init__(self, length_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.length_s = length_s
        self._clock = clock
        self._running: dict[str, tuple[int, float]] = {}

    def begin(self, task_id: str, attempt: int) -> None:
        """Lease a task out from now on."""
        # Removed and set anew, so that the order stays that of the ends.
        self._running.pop(task_id, None)
        self._running[task_id] = (attempt, self._clock() + self.length_s)

    def renew(self, task_id: str, attempt: int) -> bool:
        """Let a lease run its whole length again; False if it does not run any more."""
        running = self._running.get(task_id)
        if running is None or running[0] != attempt:
            return False
        self.begin(task_id, attempt)
        return True

    def end(self, task_id: str) -> None:
        """Forget the lease of a task, if it has one."""
        self._running.pop(task_id, None)

    def run_out(self) -> list[tuple[str, int]]:
        """Task and attempt of each lease whose time is over; they stay until `end`."""
        now_s = self._clock()
        over: list[tuple[str, int]] = []
        for task_id, (attempt, end_s) in self._running.items():
            if end_s > now_s:
                break
            over.append((task_id, attempt))
        return over
