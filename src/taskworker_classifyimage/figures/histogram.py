"""How long something takes, counted in buckets: cheap enough to be counted for every call."""

from bisect import bisect_left
from typing import Final

#: Upper bounds of a histogram's buckets.
BOUNDS_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


class Histogram:
    """How often something took how long.

    Attributes:
        counts: one for each bound of `BOUNDS_S`, of what took at most so long and longer than the
            bound before, and one of what took longer than all.
        total_s: all seconds together.
    """

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    @property
    def count(self) -> int:
        """How often it happened."""
        return sum(self.counts)

    def observe(self, seconds: float) -> None:
        """Counts one more."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds
