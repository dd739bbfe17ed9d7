"""How many tasks are in flight: enough to hide the network's latency, and no more.

A bridge without leases never gives a taken task to anyone else, so a kill strands each task in
flight. By Little's law, threads that compute c seconds a task over a network that takes n seconds
a task are all busy with threads * (1 + n / c) tasks in flight; one more for each thread absorbs
variation.
"""

import asyncio
import math
from collections import deque
from typing import Final

#: Number of newest tasks whose times count, so that a change of the network shows soon.
_REMEMBERED: Final = 64
#: A cached answer computes nothing, and its task still costs calls to the bridge.
_LEAST_COMPUTE_S: Final = 1e-3
#: Most tasks for each thread, however slow the network: a kill strands no more.
_MOST_A_THREAD: Final = 32
#: Most memory, about, for files that wait for a thread, however slow the network.
_FILES_BYTES: Final = 512 * 2**20


class Slots:
    """A semaphore whose size follows the measured times, unless it is fixed.

    Args:
        threads: that compute.
        fixed: number of tasks in flight; None: as many as the network needs.
    """

    def __init__(self, threads: int, fixed: int | None = None) -> None:
        self._threads = threads
        self._fixed = fixed
        self._used = 0
        self._freed = asyncio.Event()
        self._network_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._compute_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._file_bytes: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def limit(self) -> int:
        """Tasks that may be in flight now."""
        if self._fixed is not None:
            return self._fixed
        least = wanted = 2 * self._threads
        most = _MOST_A_THREAD * self._threads
        if self._network_s:
            # The minimum is the network's own latency; anything above it is waiting in a queue,
            # and more tasks in flight would only make the queue of a busy bridge longer.
            network_s = min(self._network_s)
            compute_s = sum(self._compute_s) / len(self._compute_s)
            wanted += math.ceil(self._threads * network_s / max(compute_s, _LEAST_COMPUTE_S))
            files = _FILES_BYTES * len(self._file_bytes) // max(sum(self._file_bytes), 1)
            most = min(most, max(files, least))
        return min(wanted, most)

    def observe(self, network_s: float, compute_s: float, file_bytes: int) -> None:
        """Notes a finished task's seconds on the network and on a thread, and its file's size."""
        self._network_s.append(network_s)
        self._compute_s.append(compute_s)
        self._file_bytes.append(file_bytes)

    async def acquire(self) -> None:
        """Waits for a free slot and occupies it."""
        while self._used >= self.limit:
            self._freed.clear()
            await self._freed.wait()
        self._used += 1

    def release(self) -> None:
        """Frees a slot."""
        self._used -= 1
        self._freed.set()
