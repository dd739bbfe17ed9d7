"""Which rows belong to the outputs: those of pictures of categories that the user has named."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.tasks import ClassifyRequest


@dataclass(frozen=True, slots=True)
class CategoryFilter:
    """Rows of these categories.

    Attributes:
        ids: of the categories; one of them is enough.
        least: the least probability of it, 0 to 1.
    """

    ids: tuple[str, ...]
    least: float

    def describe(self) -> dict[str, object]:
        """What is true of the whole run."""
        return {"category": list(self.ids), "category_probability": self.least}

    def keeps(self, row: Row) -> bool:
        """Whether a row belongs to the outputs.

        So does a picture that could not be classified, or whose worker tells no categories: it may
        be of one of them, and is not to be overlooked.
        """
        if row.status == "not_a_picture":
            return False
        found = cast("list[dict[str, Any]] | None", row.result.get("categories"))
        if found is None:
            return True
        return any(each["id"] in self.ids and each["probability"] >= self.least for each in found)


def make_filter(named: Sequence[str], least: float, request: ClassifyRequest) -> CategoryFilter:
    """Makes a filter of the names or ids of categories.

    Args:
        named: by id, or by name in the language of the request or in English.
        least: the least probability, 0 to 1.
        request: what is asked of each picture.

    Raises:
        ConfigError: there is no such category, or too few categories are asked for to tell.
    """
    from taskworker_classifyimage.classify.categories import load_categories  # noqa: PLC0415 - for few

    levels = [each.level for each in load_categories().all]
    # Of the fine ones no more can reach it, since together they have 1; all that overlap can.
    reaching = min(math.ceil(1 / least), levels.count("fine")) if least else levels.count("fine")
    needed = max(reaching, levels.count("overlapping"))
    if request.top < needed:
        raise ConfigError(
            f"--category: with --category-probability {least:g}, --top must be {needed} or more"
        )
    return CategoryFilter(tuple(_find_id(each, request.language) for each in named), least)


def check_independent(least: float, request: ClassifyRequest, threshold: float) -> None:
    """Checks that a model whose classes do not exclude each other tells all that a filter needs.

    Args:
        least: the least probability of the filter's categories, 0 to 1.
        request: what is asked of each picture.
        threshold: of the model.

    Raises:
        ConfigError: a category could be left out before it is looked for.
    """
    from taskworker_classifyimage.classify.categories import load_categories  # noqa: PLC0415 - for few

    if request.least(threshold) > least:
        raise ConfigError(
            f"--category: the model's threshold leaves out what is below {threshold:g}; with "
            f"--category-probability {least:g}, add --min-probability {least:g}"
        )
    levels = [each.level for each in load_categories().all]
    needed = max(levels.count(level) for level in levels)
    if request.top < needed:
        raise ConfigError(
            f"--category: the model's classes do not exclude each other: --top must be {needed} or "
            "more"
        )


def _find_id(text: str, tag: str) -> str:
    from taskworker_classifyimage.classify.categories import category_names  # noqa: PLC0415 - for few
    from taskworker_classifyimage.classify.labels import LAST_RESORT, find_label_files  # noqa: PLC0415 - as above
    from taskworker_classifyimage.classify.search import find_meanings  # noqa: PLC0415 - as above

    labels = find_label_files()
    language, wanted = labels.resolve(tag)[0], text.strip().casefold()
    for names in (category_names(language), category_names(LAST_RESORT)):
        for category_id, name in names.items():
            if wanted in (category_id, name.casefold()):
                return category_id
    similar = find_meanings(text, language, labels).categories[:3]
    hint = ", ".join(f"{each.id} ({each.name})" for each in similar)
    raise ConfigError(
        f"--category: there is no category {text!r}; "
        + (f"did you mean {hint}?" if hint else "docs/labels.md lists them all")
    )
