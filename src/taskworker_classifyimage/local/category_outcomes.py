"""How right a model is about categories: the one with the largest sum, at each level."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from taskworker_classifyimage.classify.categories import Level, load_categories
from taskworker_classifyimage.local.evaluation import Outcome


class CategoryOutcomes:
    """What came out for pictures of known classes.

    Attributes:
        levels: an outcome for each picture, in which categories stand for classes.
    """

    def __init__(self) -> None:
        self.levels: dict[Level, list[Outcome]] = {"fine": [], "coarse": []}

    def add(self, path: Path, result: Mapping[str, object], truth: str) -> None:
        """Adds a classified picture: its result with categories, and its class.

        A class that is not of ILSVRC2012 has none.
        """
        found = cast("list[dict[str, Any]]", result["categories"])
        for right in load_categories().of_class(truth):
            outcomes = self.levels.get(right.level)
            if outcomes is None:
                continue
            best = next(each for each in found if each["level"] == right.level)
            outcomes.append(Outcome(path, right.id, (best["id"],), best["probability"]))
