import json
from dataclasses import dataclass

import pytest

from taskworker_classifyimage.sandbox.untrusted_json import parse_untrusted


@dataclass(frozen=True)
class Facts:
    share: float
    whole: bool
    name: str
    sizes: tuple[int, ...]


FACTS = {"share": 0.5, "whole": True, "name": "a", "sizes": [1, 2]}


def test_every_kind_that_facts_may_have_is_parsed() -> None:
    """Numbers, booleans, texts, and lists of them."""
    assert parse_untrusted(json.dumps(FACTS).encode(), Facts) == Facts(0.5, True, "a", (1, 2))


@pytest.mark.parametrize(
    "changes",
    [
        {"share": 1},
        {"share": float("nan")},
        {"share": 1e300},
        {"whole": 1},
        {"name": None},
        {"sizes": [True]},
        {"sizes": [2**63]},
        {"sizes": {}},
        {"more": 1},
    ],
)
def test_other_kinds_are_refused(changes: dict[str, object]) -> None:
    """Nothing is converted: 1 is neither a float nor a boolean."""
    with pytest.raises(ValueError, match="expected"):
        parse_untrusted(json.dumps({**FACTS, **changes}).encode(), Facts)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"", "Expecting value"),
        (b"[", "Expecting value"),
        (b"\xff", "utf-8"),
        (b"[" * 50_000, "nested too deeply"),
        (b"9" * 5000, "4300 digits"),
    ],
)
def test_broken_json_is_refused(encoded: bytes, reason: str) -> None:
    """Cut, not UTF-8, too deep, or a number too long to convert."""
    with pytest.raises(ValueError, match=reason):
        parse_untrusted(encoded, tuple[str, ...])
