"""What one task cost, by what it waited for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Timing:
    """Seconds of one task, and the size of its file.

    Attributes:
        network_s: take, fetch and report.
        compute_s: decode and infer, waiting for a free core not counted; 0 for a repeated picture.
        file_bytes: of the picture as it was fetched.
    """

    network_s: float = 0.0
    compute_s: float = 0.0
    file_bytes: int = 0

    @contextmanager
    def network(self) -> Iterator[None]:
        """Adds what happens inside to the network's time."""
        start_s = time.perf_counter()
        yield
        self.network_s += time.perf_counter() - start_s

    @contextmanager
    def compute(self) -> Iterator[None]:
        """Adds what happens inside to the computing time."""
        start_s = time.perf_counter()
        yield
        self.compute_s += time.perf_counter() - start_s
