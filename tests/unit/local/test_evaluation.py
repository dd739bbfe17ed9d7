from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.local.evaluation import (
    Outcome,
    bins,
    calibration_error,
    confusions,
    interval,
    top_k,
    truth_of,
)

SYNSETS = ("n01440764", "n02123394")
OWN = ("cat", "cat_big", "a.b-c")


@pytest.mark.parametrize(
    ("path", "classes", "truth"),
    [
        ("n01440764_tench.JPEG", SYNSETS, "n01440764"),
        ("n01440764.jpg", SYNSETS, "n01440764"),
        ("n01440764", SYNSETS, "n01440764"),
        ("n02123394/n01440764.jpg", SYNSETS, "n01440764"),
        ("n02123394/sub/1.jpg", SYNSETS, "n02123394"),
        ("n02123394 Persian cat/1.jpg", SYNSETS, "n02123394"),
        ("n014407641.jpg", SYNSETS, None),
        ("x_n01440764.jpg", SYNSETS, None),
        ("1.jpg", SYNSETS, None),
        ("cat_big_3.jpg", OWN, "cat_big"),
        ("cat_small.jpg", OWN, "cat"),
        ("a.b-c.d.png", OWN, "a.b-c"),
    ],
)
def test_the_truth_is_in_the_name_or_in_a_folders_name(
    path: str, classes: tuple[str, ...], truth: str | None
) -> None:
    """The file's own name goes first, and only whole ids count."""
    assert truth_of(Path("pictures", path), Path("pictures"), classes) == truth


def test_a_folder_above_the_one_that_was_named_says_nothing() -> None:
    """Where the pictures lie is no statement about them."""
    folder = Path("n01440764", "pictures")
    assert truth_of(folder / "1.jpg", folder, SYNSETS) is None


def outcome(truth: str, predicted: str, confidence: float = 0.5) -> Outcome:
    return Outcome(Path("p"), truth, tuple(predicted), confidence)


def test_top_k_counts_the_truth_among_the_first() -> None:
    """Third place is right for k = 3 and not for k = 1."""
    outcomes = [outcome("a", "abc"), outcome("b", "cab"), outcome("z", "abc")]
    assert [top_k(outcomes, k) for k in (1, 2, 3)] == [1, 1, 2]


def test_the_interval_is_wilsons() -> None:
    """Against the figures of his formula for 91 of 100, and at the ends, where others fail."""
    assert interval(91, 100) == pytest.approx((0.8377, 0.9519), abs=1e-4)
    low, high = interval(10, 10)
    assert (low, high) == pytest.approx((0.7225, 1.0), abs=1e-4)


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_interval_holds_the_share_and_is_one(right: int, count: int) -> None:
    """It never leaves 0 to 1, and what was seen lies in it."""
    right = min(right, count)
    low, high = interval(right, count)
    assert -1e-9 <= low <= right / count + 1e-9
    assert right / count - 1e-9 <= high <= 1 + 1e-9


def test_the_calibration_error_weighs_gaps_by_pictures() -> None:
    """Three pictures at 0.9 of which all are right, one at 0.5 that is wrong."""
    outcomes = [outcome("a", "a", 0.9)] * 3 + [outcome("a", "b", 0.5)]
    assert calibration_error(outcomes) == pytest.approx((3 * 0.1 + 1 * 0.5) / 4)
    assert [each.count for each in bins(outcomes)] == [1, 3]


def test_full_confidence_has_a_bin() -> None:
    """A probability of 1 belongs to the last one."""
    assert [each.confidence for each in bins([outcome("a", "a", 1.0)])] == [1.0]


def test_confusions_are_counted_most_frequent_first() -> None:
    """Right answers are none."""
    outcomes = [outcome("a", "b"), outcome("a", "a"), outcome("c", "d"), outcome("c", "d")]
    assert confusions(outcomes) == [("c", "d", 2), ("a", "b", 1)]
