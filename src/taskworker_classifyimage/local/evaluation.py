"""How right a model is on pictures of known classes, and what its confidence is worth."""

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

#: Bins of the calibration error, as in Guo et al., "On Calibration of Modern Neural Networks"
#: (2017), section 2.
BINS: Final = 15

#: The 97.5 % quantile of the normal distribution: intervals hold the truth in 95 % of cases.
_Z: Final = 1.959964


class Judged(Protocol):
    """An answer that is known to be right or wrong."""

    @property
    def confidence(self) -> float:
        """Probability of the answer, 0 to 1."""

    @property
    def is_right(self) -> bool:
        """Whether it is the truth."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One picture that was classified.

    Attributes:
        truth: the class that it is of.
        predicted: the best five classes, most probable first.
        confidence: probability of the first of them, 0 to 1.
    """

    path: Path
    truth: str
    predicted: tuple[str, ...]
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the first prediction is the truth."""
        return self.predicted[0] == self.truth


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures whose confidence lies within one of `BINS` equal steps from 0 to 1."""

    count: int
    confidence: float
    accuracy: float


def truth_of(path: Path, folder: Path, classes: Collection[str]) -> str | None:
    """The class that a file's name begins with, or else the nearest of its folders' names.

    "n01440764_tench.jpg", "n01440764.jpg" and "n01440764/1.jpg" are all of class n01440764.
    """
    relative = path.relative_to(folder)
    for name in (relative.stem, *reversed(relative.parts[:-1])):
        # The longest beginning that is a class: an own class's id may hold any of these marks.
        ends = [match.start() for match in re.finditer(r"[ _.-]|$", name)]
        for end in reversed(ends):
            if name[:end] in classes:
                return name[:end]
    return None


def top_k(outcomes: Sequence[Outcome], k: int) -> int:
    """How many outcomes have the truth among their first k predictions."""
    return sum(outcome.truth in outcome.predicted[:k] for outcome in outcomes)


def interval(right: int, count: int) -> tuple[float, float]:
    """The share in which the true accuracy lies with 95 % confidence (Wilson, 1927)."""
    share, spread = right / count, _Z**2 / count
    middle = share + spread / 2
    half = _Z * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def bins(outcomes: Sequence[Judged]) -> list[Bin]:
    """Confidence against accuracy, lowest confidence first; bins without pictures are left out."""
    members: dict[int, list[Judged]] = {}
    for outcome in outcomes:
        members.setdefault(min(int(outcome.confidence * BINS), BINS - 1), []).append(outcome)
    return [
        Bin(
            count=len(inside),
            confidence=sum(outcome.confidence for outcome in inside) / len(inside),
            accuracy=sum(outcome.is_right for outcome in inside) / len(inside),
        )
        for _, inside in sorted(members.items())
    ]


def calibration_error(outcomes: Sequence[Judged]) -> float:
    """The expected calibration error (ECE), 0 to 1: how far confidence and accuracy lie apart."""
    gaps = (each.count * abs(each.confidence - each.accuracy) for each in bins(outcomes))
    return sum(gaps) / len(outcomes)


def confusions(outcomes: Sequence[Outcome]) -> list[tuple[str, str, int]]:
    """(truth, what it was taken for, how often), most frequent first."""
    counted = Counter(
        (outcome.truth, outcome.predicted[0]) for outcome in outcomes if not outcome.is_right
    )
    return [(truth, taken, count) for (truth, taken), count in counted.most_common()]
