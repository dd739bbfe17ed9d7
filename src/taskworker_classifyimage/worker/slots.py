"""How many tasks are in flight: enough to hide the network's latency, and no more.

A bridge without leases never gives a taken task to anyone else, so a kill strands each task in
flight. By Little's law, threads that compute c seconds a task over a network that takes n seconds
a task are all busy with threads * (1 + n / c) tasks in flight; one more for each thread absorbs
variation. A bridge with leases strands nothing, so a tenth of a second's work is taken ahead: its
clients wait for tasks in progress, and come back later for open ones. A task that downloads slowly
or waits for memory stands aside: another one gets its slot.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Number of newest tasks whose times count, so that a change of the network shows soon.
_REMEMBERED: Final = 64
#: A cached answer computes nothing, and its task still costs calls to the bridge.
_LEAST_COMPUTE_S: Final = 1e-3
#: Most tasks for each thread, however slow the network: a kill strands no more.
_MOST_A_THREAD: Final = 32
#: Most tasks in all: the event loop finishes no more in half a second, and what it has not come to
#: yet looks like a slow network, which would ask for more and more.
_MOST: Final = 512
#: How much work is taken ahead from a bridge with leases.
_AHEAD_S: Final = 0.1
#: A task that waits for so long stands aside.
_PATIENCE_S: Final = 1.0


class Slots:
    """A semaphore whose size follows the measured times, unless it is fixed.

    Args:
        threads: that compute.
        fixed: number of tasks in flight; None: as many as the network needs.

    Attributes:
        has_leases: whether the bridge gives tasks to others that a dead worker had.
    """

    def __init__(self, threads: int, fixed: int | None = None) -> None:
        self._threads = threads
        self._fixed = fixed
        self.has_leases = False
        self._used = 0
        self._aside = 0
        self._is_paused = False
        self._freed = asyncio.Event()
        self._network_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._compute_s: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def limit(self) -> int:
        """Tasks that may be in flight now, without those that stand aside."""
        if self._fixed is not None:
            return self._fixed
        wanted = 2 * self._threads
        if self._compute_s:
            # The minimum is the network's own latency; anything above it is waiting in a queue,
            # and more tasks in flight would only make the queue of a busy bridge longer.
            network_s = min(self._network_s, default=0.0)
            ahead_s = _AHEAD_S if self.has_leases else 0.0
            compute_s = sum(self._compute_s) / len(self._compute_s)
            wait_s = network_s + ahead_s
            wanted += math.ceil(self._threads * wait_s / max(compute_s, _LEAST_COMPUTE_S))
        return min(wanted, self._most)

    @property
    def _most(self) -> int:
        return self._fixed or min(_MOST_A_THREAD * self._threads, _MOST)

    def observe(self, network_s: float | None, compute_s: float) -> None:
        """Notes a finished task's seconds on the network, if they are known, and on a thread."""
        if network_s is not None:
            self._network_s.append(network_s)
        self._compute_s.append(compute_s)

    async def acquire(self) -> None:
        """Waits for a free slot and occupies it."""
        while not self._free:
            self._freed.clear()
            await self._freed.wait()
        self._used += 1

    def acquire_free(self, most: int) -> int:
        """Occupies up to so many slots that are free now; returns how many."""
        count = min(most, self._free)
        self._used += count
        return count

    @property
    def _free(self) -> int:
        if self._is_paused:
            return 0
        return max(0, min(self._most - self._used, self.limit - (self._used - self._aside)))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While a task waits inside, another one gets its slot, after a second."""
        is_aside = False

        def stand_aside() -> None:
            nonlocal is_aside
            is_aside = True
            self._aside += 1
            self._freed.set()

        timer = asyncio.get_running_loop().call_later(_PATIENCE_S, stand_aside)
        try:
            yield
        finally:
            timer.cancel()
            self._aside -= is_aside

    def pause(self, pause_s: float) -> bool:
        """Gives no slots for so long; returns whether it was not paused already."""
        if self._is_paused:
            return False
        self._is_paused = True
        asyncio.get_running_loop().call_later(pause_s, self.resume)
        return True

    def resume(self) -> None:
        """Ends a pause."""
        self._is_paused = False
        self._freed.set()

    def release(self, count: int = 1) -> None:
        """Frees slots."""
        self._used -= count
        self._freed.set()
