import pytest

from taskworker_classifyimage.words import counted


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "picture", "0 pictures"),
        (1, "picture", "1 picture"),
        (2, "picture", "2 pictures"),
        (1, "class", "1 class"),
        (1000, "class", "1000 classes"),
        (2, "decoding process", "2 decoding processes"),
    ],
)
def test_one_is_not_many(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
