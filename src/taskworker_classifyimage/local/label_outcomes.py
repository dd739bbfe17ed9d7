"""How right a model is whose classes do not exclude each other, on pictures of one known class.

A picture may be of more classes than the known one, so whatever else is reported is not wrong.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast


class LabelOutcomes:
    """What came out for pictures of known classes.

    Attributes:
        threshold: the least probability of a class that is reported, 0 to 1.
        known: how many pictures there are of each class.
        missed: of how many of them it is not reported.
        reported: how many classes are reported of all pictures together.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.known = Counter[str]()
        self.missed = Counter[str]()
        self.reported = 0

    def add(self, result: Mapping[str, object], truth: str) -> None:
        """Adds a classified picture: its result with all classes, and the one that is known."""
        predictions = cast("list[dict[str, Any]]", result["predictions"])
        found = {each["class"] for each in predictions if each["probability"] >= self.threshold}
        self.known[truth] += 1
        self.missed[truth] += truth not in found
        self.reported += len(found)
