"""Requirements: which abilities meet them, and their stored form."""

import pytest

from taskworker_classifyimage.bridge_server.records import encode_requirements, is_suited


@pytest.mark.parametrize(
    ("required", "ability"),
    [("de", "de"), (1, 1), (1, 1.0), (None, None), (True, True), ([1, {"a": 2}], [1, {"a": 2}])],
)
def test_an_equal_ability_suits(required: object, ability: object) -> None:
    assert is_suited({"key": ability, "other": 1}, encode_requirements({"key": required}))


@pytest.mark.parametrize(
    ("required", "ability"),
    [
        ("de", "en"),
        (1, "1"),
        (1, True),
        (0, False),
        (0, None),
        ([1], [True]),
        ([1], [1, 2]),
        ([], {}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 0}, {"a": False}),
    ],
)
def test_another_value_does_not_suit(required: object, ability: object) -> None:
    assert not is_suited({"key": ability}, encode_requirements({"key": required}))


def test_a_missing_ability_does_not_suit_even_null() -> None:
    assert not is_suited({}, encode_requirements({"key": None}))


def test_equal_requirements_are_stored_as_equal_text() -> None:
    assert encode_requirements({"a": 1, "b": {"c": 2, "d": 3}}) == encode_requirements(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )


def test_requirements_too_deep_to_compare_suit_nobody() -> None:
    deep = '{"key": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert not is_suited({"key": []}, deep)
