"""Categories: every class has its place, and probabilities are summed over all classes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.classify.categories import category_names, load_categories
from taskworker_classifyimage.classify.labels import find_label_files

TOOL = Path(__file__).parents[3] / "tools" / "categories.py"
CATEGORIES = load_categories()
IDS = find_label_files().ids
TAGS = sorted(
    path.stem
    for path in (TOOL.parent.parent / "src/taskworker_classifyimage/data/categories").glob(
        "*.names"
    )
)


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("categories_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_the_list_is_what_its_definitions_say() -> None:
    members = TOOL.parent.parent / "src/taskworker_classifyimage/data/categories/members.tsv"
    assert members.read_text(encoding="utf-8") == load_tool().make_members()


def test_each_class_is_in_one_fine_and_one_coarse_category() -> None:
    for class_id in IDS:
        levels = [each.level for each in CATEGORIES.of_class(class_id)]
        assert levels[:2] == ["fine", "coarse"], class_id
        assert set(levels[2:]) <= {"overlapping"}
        fine, coarse = CATEGORIES.of_class(class_id)[:2]
        assert fine.parent == coarse.id


def test_ids_are_unique_and_parents_are_coarse() -> None:
    levels = {each.id: each.level for each in CATEGORIES.all}
    assert len(levels) == len(CATEGORIES.all)
    for each in CATEGORIES.all:
        assert levels.get(each.parent, "") == ("" if each.level == "coarse" else "coarse")


@pytest.mark.parametrize(
    ("class_id", "categories"),
    [
        ("n02123394", ["cat", "animals"]),
        ("n04090263", ["firearm", "weapon"]),
        ("n02823428", ["drink", "food", "alcohol"]),
        ("n04389033", ["military", "weapon"]),
        ("n04146614", ["truck", "vehicle", "child-related"]),
    ],
)
def test_what_an_examiner_expects(class_id: str, categories: list[str]) -> None:
    assert [each.id for each in CATEGORIES.of_class(class_id)] == categories


@given(st.integers(0, 999), st.floats(0, 1))
def test_probabilities_are_summed_over_all_classes(best: int, confidence: float) -> None:
    probabilities = np.full(1000, (1 - confidence) / 999)
    probabilities[best] = confidence
    sums = CATEGORIES.sums(probabilities, IDS)
    assert [category for category, _ in sums] == list(CATEGORIES.all)
    for category, total in sums:
        members = [IDS.index(each) for each in category.members]
        assert total == pytest.approx(probabilities[members].sum(), abs=1e-9)
    assert sum(total for category, total in sums if category.level == "fine") == pytest.approx(1.0)


def test_a_category_of_independent_classes_is_as_probable_as_the_best_of_them() -> None:
    """A sum would make a weapon certain because two rifles are half likely."""
    ids = ("n04086273", "ours", "n04090263", "n02123394")
    found = CATEGORIES.sums(np.array([0.5, 0.9, 0.6, 0.0]), ids, are_independent=True)
    expected = {"weapon": 0.6, "firearm": 0.6, "animals": 0.0, "cat": 0.0}
    assert {category.id: each for category, each in found} == expected
    assert CATEGORIES.of_class("ours") == ()


@pytest.mark.parametrize("language", [*TAGS, "xx"])
def test_every_category_has_a_name_of_its_own(language: str) -> None:
    names = category_names(language)
    assert names.keys() == {each.id for each in CATEGORIES.all}
    assert len({name.casefold() for name in names.values()}) == len(names)


def test_the_documents_list_all_categories() -> None:
    """With their English names and ids, the fine ones beside their coarse one."""
    names = category_names("en")
    below: dict[str, list[str]] = {}
    for each in CATEGORIES.all:
        if each.level != "coarse":
            fine = f"{names.get(each.parent)} (`{each.parent}`)"
            row = fine if each.level == "fine" else "overlapping"
            below.setdefault(row, []).append(f"{names[each.id]} (`{each.id}`)")
    text = (TOOL.parent.parent / "docs" / "labels.md").read_text(encoding="utf-8")
    rows = [f"| {coarse} | {', '.join(fine)} |" for coarse, fine in below.items()]
    listed = [line for line in text.splitlines() if line.startswith("| ") and "(`" in line]
    assert sorted(listed) == sorted(rows)
