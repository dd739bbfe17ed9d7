"""Probabilities become classes and categories in the language that was asked for."""

import logging
from pathlib import Path

import numpy as np
import pytest

from taskworker_classifyimage.classify.labels import Labels, find_label_files
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.pipeline.name import name_answer
from taskworker_classifyimage.tasks import CategoryName, ClassifyRequest

IDS = find_label_files().ids
REVOLVER, RIFLE, CAT = (IDS.index(each) for each in ("n04086273", "n04090263", "n02123394"))


def a_picture() -> np.ndarray:
    """Of a weapon, but which?"""
    probabilities = np.full(1000, 0.04 / 997)
    probabilities[[REVOLVER, RIFLE, CAT]] = 0.5, 0.4, 0.06
    return probabilities


def test_categories_are_summed_and_named_best_first() -> None:
    request = ClassifyRequest("de", top=2, categories=True, min_probability=0.05)
    named = name_answer(a_picture(), find_label_files(), request)
    assert [each.class_id for each in named.predictions] == ["n04086273", "n04090263"]
    firearm, weapon = named.predictions[0].categories
    assert firearm == CategoryName("firearm", "Schusswaffe", "fine")
    assert weapon == CategoryName("weapon", "Waffe oder Schutzausrüstung", "coarse")
    assert named.categories is not None
    found = [(each.category.id, round(each.probability, 2)) for each in named.categories]
    assert found[:2] == [("weapon", 0.9), ("firearm", 0.9)]
    assert {name for name, _ in found[2:4]} == {"animals", "cat"}
    assert named.warnings == []


def test_there_are_as_many_of_each_level_as_predictions_were_asked_for() -> None:
    request = ClassifyRequest(top=3, categories=True)
    named = name_answer(a_picture(), find_label_files(), request)
    assert named.categories is not None
    levels = [each.category.level for each in named.categories]
    assert sorted(levels) == ["coarse"] * 3 + ["fine"] * 3 + ["overlapping"] * 3


def test_without_the_wish_nothing_is_added() -> None:
    named = name_answer(a_picture(), find_label_files(), ClassifyRequest(top=1))
    assert named.categories is None
    assert (named.predictions[0].categories, named.predictions[0].synonyms) == ((), ())


def test_synonyms_are_those_of_wordnet() -> None:
    request = ClassifyRequest("de", top=1, synonyms=True)
    [best] = name_answer(a_picture(), find_label_files(), request).predictions
    assert best.synonyms == ("revolver", "six-gun", "six-shooter")


def test_own_classes_have_no_categories_and_the_result_says_so() -> None:
    labels = Labels(["en"], lambda _: {"a": "a thing", "b": "another"})
    request = ClassifyRequest(top=2, categories=True, synonyms=True)
    named = name_answer(np.array([0.7, 0.3]), labels, request)
    assert named.categories is None
    assert named.warnings == ["categories: this model has classes of its own, which have none"]
    assert named.predictions[0].synonyms == ()


@pytest.mark.parametrize(
    ("wanted", "found"), [(None, ["a", "b"]), (0.7, ["a"]), (0.0, ["a", "b", "c"])]
)
def test_a_threshold_decides_what_is_reported_unless_the_request_does(
    wanted: float | None, found: list[str]
) -> None:
    labels = Labels(["en"], lambda _: {each: each for each in "cab"})
    request = ClassifyRequest(top=3, min_probability=wanted)
    named = name_answer(np.array([0.1, 0.9, 0.6]), labels, request, 0.6)
    assert [each.class_id for each in named.predictions] == found


def test_names_that_cannot_be_read_cost_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "fr.names").write_text("n01440764 tanche\n", encoding="utf-8")
    labels = find_label_files(further=tmp_path)
    with caplog.at_level(logging.ERROR):
        named = name_answer(a_picture(), labels, ClassifyRequest("fr", top=1))
    assert named.predictions[0].name == "revolver"
    assert named.warnings == ["targetlanguage: the names in fr cannot be read here"]
    assert "fr.names has 1 names, not 1000" in caplog.text


def test_without_english_names_nothing_can_be_answered(tmp_path: Path) -> None:
    (tmp_path / "en.names").write_text("n01440764 tench\n", encoding="utf-8")
    labels = find_label_files(further=tmp_path)
    with pytest.raises(ModelError):
        name_answer(a_picture(), labels, ClassifyRequest(top=1))
