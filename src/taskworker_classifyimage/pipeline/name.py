"""name: probabilities to the best classes and categories, in the language that was asked for."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.categories import (
    Category,
    category_names,
    load_categories,
)
from taskworker_classifyimage.classify.labels import LAST_RESORT, Labels
from taskworker_classifyimage.classify.ranking import rank_best
from taskworker_classifyimage.classify.synonyms import synonyms_of
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.tasks import (
    CategoryName,
    CategorySum,
    ClassifyRequest,
    Prediction,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NamedAnswer:
    """What a picture shows, in words.

    Attributes:
        predictions: the best classes, most probable first.
        categories: most probable first; None if they were not asked for, or cannot be told.
        warnings: wishes that could not be met.
    """

    predictions: list[Prediction]
    categories: list[CategorySum] | None
    warnings: list[str]


def name_answer(
    probabilities: npt.NDArray[np.float64],
    labels: Labels,
    request: ClassifyRequest,
    threshold: float | None = None,
) -> NamedAnswer:
    """(C,) probabilities to the best classes and categories, and the warnings.

    Args:
        probabilities: 0 to 1, in the order of the classes.
        labels: of the model.
        request: what is wanted.
        threshold: of the model, if its classes do not exclude each other: less probable ones are
            left out, unless the request says which are.
    """
    warnings = list(request.warnings)
    language, is_as_requested = labels.resolve(request.language)
    if not is_as_requested:
        warnings.append(
            f"targetlanguage: {request.language} is not available, names are in {language}"
        )
    names, language = _read_names(labels, language, warnings)
    has_categories = request.categories and labels.has_categories
    if request.categories and not has_categories:
        warnings.append("categories: this model has classes of its own, which have none")
    ids, least = labels.ids, request.least(threshold)
    predictions = [
        Prediction(
            ids[index],
            names[ids[index]],
            float(probabilities[index]),
            _categories_of(ids[index], language) if has_categories else (),
            synonyms_of(ids[index]) if request.synonyms else (),
        )
        for index in rank_best(probabilities, request.top)
        if probabilities[index] >= least
    ]
    if not has_categories:
        return NamedAnswer(predictions, None, warnings)
    sums = load_categories().sums(probabilities, ids, are_independent=threshold is not None)
    likely = [each for each in sums if each[1] >= least]
    return NamedAnswer(predictions, _name_categories(likely, language, request.top), warnings)


def _read_names(
    labels: Labels, language: str, warnings: list[str]
) -> tuple[Mapping[str, str], str]:
    """The names in a language, or those of the last resort if its file is damaged."""
    try:
        return labels.names(language), language
    except ModelError as err:
        if language == LAST_RESORT:
            raise
        _log.error("names in %s cannot be read, those in en are used: %s", language, err)
        warnings.append(f"targetlanguage: the names in {language} cannot be read here")
        return labels.names(LAST_RESORT), LAST_RESORT


def _name_categories(
    sums: Sequence[tuple[Category, float]], language: str, top: int
) -> list[CategorySum]:
    """The best categories, `top` of each level."""
    left = dict.fromkeys(("coarse", "fine", "overlapping"), top)
    found = list[CategorySum]()
    for category, probability in sorted(sums, key=lambda each: -each[1]):
        if left[category.level]:
            left[category.level] -= 1
            found.append(CategorySum(_name(category, language), probability))
    return found


def _categories_of(class_id: str, language: str) -> tuple[CategoryName, ...]:
    return tuple(_name(each, language) for each in load_categories().of_class(class_id))


def _name(category: Category, language: str) -> CategoryName:
    return CategoryName(category.id, category_names(language)[category.id], category.level)
