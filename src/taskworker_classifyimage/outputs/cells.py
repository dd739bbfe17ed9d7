"""What the cells of every table hold: a row's values, as text that is valid Unicode."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self, cast

from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.tasks import INDEPENDENT

#: The least probability of a name that becomes a keyword or a tag.
DEFAULT_LEAST: Final = 0.5

#: What stands for a byte that is not UTF-8, or for half a character on Windows.
_ESCAPE: Final = re.compile(r"\\ud[89a-f][0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class that the picture may belong to; `probability` is 0 to 1."""

    class_id: str
    name: str
    probability: float

    @classmethod
    def from_json(cls, each: Mapping[str, object]) -> Self:
        """One entry of a result's `predictions`."""
        return cls(
            to_unicode(str(each["class"])),
            to_unicode(str(each["name"])),
            float(cast("float", each["probability"])),
        )


@dataclass(frozen=True, slots=True)
class CategorySum:
    """How probable a category is, 0 to 1; `level` is "coarse", "fine" or "overlapping"."""

    id: str
    name: str
    level: str
    probability: float

    @classmethod
    def from_json(cls, each: Mapping[str, object]) -> Self:
        """One entry of a result's `categories`."""
        return cls(
            to_unicode(str(each["id"])),
            to_unicode(str(each["name"])),
            to_unicode(str(each["level"])),
            float(cast("float", each["probability"])),
        )


def read_predictions(row: Row) -> list[Prediction]:
    """The predictions of a row, most probable first; none if it was not classified."""
    entries = cast("list[Mapping[str, object]]", row.result.get("predictions", ()))
    return [Prediction.from_json(each) for each in entries]


def read_categories(row: Row) -> list[CategorySum]:
    """The categories of a row, most probable first; none if it has none."""
    entries = cast("list[Mapping[str, object]]", row.result.get("categories", ()))
    return [CategorySum.from_json(each) for each in entries]


def best_of(level: str, categories: Iterable[CategorySum]) -> CategorySum | None:
    """The most probable category of a level."""
    return next((each for each in categories if each.level == level), None)


def read_warnings(row: Row) -> list[str]:
    """The warnings of a row."""
    return [to_unicode(str(each)) for each in cast("list[object]", row.result.get("warnings", ()))]


def read_text(row: Row, key: str) -> str | None:
    """A text of the result, such as `error`."""
    value = row.result.get(key)
    return None if value is None else to_unicode(str(value))


def choose_least(row: Row, wanted: float | None) -> float:
    """The least probability of what becomes a keyword or a tag.

    If none is wanted, a result whose classes do not exclude each other holds what its model's
    threshold has let through, and nothing else is left out.
    """
    if wanted is not None:
        return wanted
    return 0.0 if row.result.get("kind") == INDEPENDENT else DEFAULT_LEAST


def path_text(path: str) -> str:
    r"""A path as text of which no two files have the same.

    A byte that is not UTF-8 is written as `\udcff`. In a path with such an escape, or with a name
    that looks like one, backslashes are doubled.
    """
    text = to_unicode(path)
    return to_unicode(path.replace("\\", "\\\\")) if _ESCAPE.search(text) else text


def to_unicode(text: str) -> str:
    """A text that can be encoded; halves of characters become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
