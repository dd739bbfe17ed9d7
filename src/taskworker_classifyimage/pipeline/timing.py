"""What one task cost: time on the network, time on a core."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Timing:
    """Seconds of one task.

    Attributes:
        network_s: take, fetch and report.
        compute_s: decode and infer, without waiting for a free thread; 0 for a cached answer.
    """

    network_s: float = 0.0
    compute_s: float = 0.0

    @contextmanager
    def network(self) -> Iterator[None]:
        """Adds the time of a block to the network's time."""
        start_s = time.perf_counter()
        yield
        self.network_s += time.perf_counter() - start_s

    @contextmanager
    def compute(self) -> Iterator[None]:
        """Adds the time of a block to the computing time."""
        start_s = time.perf_counter()
        yield
        self.compute_s += time.perf_counter() - start_s
