"""What a word means: classes, categories, and groups of classes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskworker_classifyimage.classify.labels import find_label_files
from taskworker_classifyimage.classify.search import find_meanings

LABELS = find_label_files()


def classes(word: str, language: str = "en") -> list[str]:
    return [each.class_id for each in find_meanings(word, language, LABELS).classes]


@pytest.mark.parametrize(
    ("word", "language", "class_id"),
    [
        ("espresso", "en", "n07920052"),
        ("Espreso", "en", "n07920052"),
        ("consomme", "en", "n07584110"),
        ("revolvers", "en", "n04086273"),
        ("six-gun", "en", "n04086273"),
        ("Perserkatze", "de", "n02123394"),
        ("perserkatzen", "de", "n02123394"),
        ("Persian cat", "de", "n02123394"),
        ("Loewe", "de", "n02129165"),
        ("LÖWE", "de", "n02129165"),
    ],
)
def test_a_class_is_found_first(word: str, language: str, class_id: str) -> None:
    assert classes(word, language)[0] == class_id


def test_a_category_comes_with_what_is_below_it() -> None:
    [dog, *_] = find_meanings("Hunde", "de", LABELS).categories
    assert (dog.id, dog.name, dog.level, len(dog.classes)) == ("dog", "Hund", "fine", 118)


def test_a_meaning_above_the_classes_gathers_them() -> None:
    groups = find_meanings("terriers", "en", LABELS).groups
    [terrier] = [each for each in groups if each.words == ("terrier",)]
    assert len(terrier.classes) == 26
    assert "n02094433" in terrier.classes


def test_similar_words_are_given_only_if_there_is_nothing_better() -> None:
    """A cloak is no clock."""
    assert "n03045698" in classes("cloack")
    assert "n03045698" not in classes("clock")
    assert "n03196217" in classes("clock")


@pytest.mark.parametrize("word", ["", " ", "()", "qxzvw", "x"])
def test_a_word_that_means_nothing_finds_nothing(word: str) -> None:
    found = find_meanings(word, "en", LABELS)
    assert (found.classes, found.categories, found.groups) == ((), (), ())


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_looked_for(word: str) -> None:
    assert len(find_meanings(word, "en", LABELS, most=3).classes) <= 3
