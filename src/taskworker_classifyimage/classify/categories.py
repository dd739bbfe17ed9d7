"""Categories of the 1000 classes, such as "dog" or "vehicle", and what a picture shows of them.

Each class is in one fine category, and each fine category in one coarse one. A few more overlap
with them. tools/categories.py makes the list of their classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.labels import LAST_RESORT
from taskworker_classifyimage.errors import ModelError

Level = Literal["coarse", "fine", "overlapping"]

_FOLDER: Final = Path(__file__).parent.parent / "data" / "categories"


@dataclass(frozen=True, slots=True)
class Category:
    """A set of classes.

    Attributes:
        id: such as "big-cat"; the same in all languages and releases.
        level: "coarse", "fine" or "overlapping".
        parent: the coarse category of a fine or overlapping one; empty for a coarse one.
        members: the ids of its classes.
    """

    id: str
    level: Level
    parent: str
    members: tuple[str, ...]


class Categories:
    """All categories."""

    def __init__(self, categories: Sequence[Category]) -> None:
        """Takes them in the order in which they are listed."""
        self.all = tuple(categories)

    @cache  # noqa: B019 - there is one such object, for as long as the program runs
    def _matrix(self, ids: tuple[str, ...]) -> npt.NDArray[np.float64]:
        """(categories, classes): 1 where a category has a class."""
        index = {each: number for number, each in enumerate(ids)}
        matrix = np.zeros((len(self.all), len(index)))
        for row, category in enumerate(self.all):
            matrix[row, [index[each] for each in category.members if each in index]] = 1.0
        return matrix

    @cached_property
    def _of_class(self) -> Mapping[str, tuple[Category, ...]]:
        found: dict[str, list[Category]] = {}
        for level in ("fine", "coarse", "overlapping"):
            for category in self.all:
                if category.level == level:
                    for member in category.members:
                        found.setdefault(member, []).append(category)
        return {class_id: tuple(categories) for class_id, categories in found.items()}

    def sums(
        self,
        probabilities: npt.NDArray[np.float64],
        ids: tuple[str, ...],
        *,
        are_independent: bool = False,
    ) -> list[tuple[Category, float]]:
        """The probability of each category that has one of the classes, 0 to 1.

        Args:
            probabilities: (classes,) 0 to 1.
            ids: of the classes; those that are not of ILSVRC2012 are in no category.
            are_independent: whether the classes do not exclude each other. A category is then as
                probable as its most probable class: a picture may be of several of them, and a
                sum would count it more than once.
        """
        matrix = self._matrix(ids)
        if are_independent:
            found = (matrix * probabilities).max(axis=1)
        else:
            # The sum of all probabilities may be a little more than 1.
            found = np.minimum(matrix @ probabilities, 1.0)
        rows = np.flatnonzero(matrix.any(axis=1)).tolist()
        return [(self.all[row], float(found[row])) for row in rows]

    def of_class(self, class_id: str) -> tuple[Category, ...]:
        """The categories of a class: the fine one, the coarse one, then those that overlap.

        None for a class that is not of ILSVRC2012.
        """
        return self._of_class.get(class_id, ())


@cache
def load_categories() -> Categories:
    """Reads the categories."""
    return Categories([_parse(line) for line in _read_lines(_FOLDER / "members.tsv")])


@cache
def category_names(language: str) -> Mapping[str, str]:
    """The names of the categories by id, in a language of the labels, else in English.

    Raises:
        ModelError: the file is damaged.
    """
    path = _FOLDER / f"{language}.names"
    if not path.is_file():
        return category_names(LAST_RESORT)
    names = dict(_split_name(path, line) for line in _read_lines(path))
    if missing := {each.id for each in load_categories().all} - names.keys():
        raise ModelError(f"{path} has no name for {min(missing)!r}")
    return names


def _parse(line: str) -> Category:
    category_id, level, parent, members = line.split("\t")
    if level not in get_args(Level):
        raise ModelError(f"{_FOLDER / 'members.tsv'}: {level!r} is no level")
    return Category(category_id, cast("Level", level), parent, tuple(members.split(" ")))


def _split_name(path: Path, line: str) -> tuple[str, str]:
    category_id, _, name = line.partition(" ")
    if not name.strip():
        raise ModelError(f"{path}: {line!r} is not a category's id and its name")
    return category_id, name


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path}: {err}") from None
