"""How many tasks are in flight: enough to hide the network, and no more.

A bridge without leases never gives a taken task to anyone else, so each task in flight is a debt
that a kill leaves behind. By Little's law, threads that compute for c seconds a task over a network
that takes n seconds a task, are all kept busy by threads * (1 + n / c) tasks; one more a thread
covers what is uneven.
"""

import asyncio
import math
from collections import deque
from typing import Final

#: Tasks whose times are remembered: the newest, so that a change of the network shows soon.
_REMEMBERED: Final = 64
#: Even a picture that was seen before costs the calls to the bridge.
_LEAST_COMPUTE_S: Final = 1e-3
#: However slow the network, a kill strands no more than this.
_MOST_A_THREAD: Final = 32
#: However slow the network, files that wait for a thread take about this much memory at most.
_FILES_BYTES: Final = 512 * 2**20


class Slots:
    """A semaphore whose size follows the measured times, unless it is given."""

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
            # The least is the network's own; anything above it is a queue, and a longer queue at
            # a busy bridge would only ask for more of itself.
            network_s = min(self._network_s)
            compute_s = sum(self._compute_s) / len(self._compute_s)
            wanted += math.ceil(self._threads * network_s / max(compute_s, _LEAST_COMPUTE_S))
            files = _FILES_BYTES * len(self._file_bytes) // max(sum(self._file_bytes), 1)
            most = min(most, max(files, least))
        return min(wanted, most)

    def observe(self, network_s: float, compute_s: float, file_bytes: int) -> None:
        """Notes what a finished task took on the network and on a thread, and its file's size."""
        self._network_s.append(network_s)
        self._compute_s.append(compute_s)
        self._file_bytes.append(file_bytes)

    async def acquire(self) -> None:
        """Waits for a free slot and takes it."""
        while self._used >= self.limit:
            self._freed.clear()
            await self._freed.wait()
        self._used += 1

    def release(self) -> None:
        """Gives a slot back."""
        self._used -= 1
        self._freed.set()
