"""Which worker may take a task: each requirement must be among its abilities, with equal value.

A task's requirements are stored as one text that is equal for equal requirements, so that the
store can look at each set once, however many tasks share it.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

#: The requirements of a task that anybody may take.
NO_REQUIREMENTS: Final = ""


def requirements_text(requirements: Mapping[str, object]) -> str:
    """The form in which requirements are stored."""
    if not requirements:
        return NO_REQUIREMENTS
    return json.dumps(requirements, sort_keys=True, allow_nan=False)


def suits(requirements: str, abilities: Mapping[str, object]) -> bool:
    """Whether the abilities hold every key of the requirements with an equal value."""
    try:
        required = _parsed(requirements)
        return all(
            key in abilities and _json_equal(value, abilities[key])
            for key, value in required.items()
        )
    except RecursionError:
        # Such a task must not keep the others of its type from being taken.
        return False


@lru_cache(maxsize=1024)
def _parsed(requirements: str) -> dict[str, Any]:
    """The requirements as values; remembered, as few sets serve many tasks."""
    parsed: dict[str, Any] = json.loads(requirements)
    return parsed


def _json_equal(one: object, other: object) -> bool:
    """Equality as JSON sees it: true is not 1, "1" is not 1, but 1.0 is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_json_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_json_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
