"""Whether a result says that its task failed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.bridge_server.outcome import find_error

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("error"), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (None, None),
        ("{}", None),
        ('{"predictions": []}', None),
        ('{"error": null}', None),
        ('{"error": "it is damaged", "code": "damaged"}', "damaged: it is damaged"),
        ('{"error": "no"}', "no"),
        ('{"error": ["a", 1], "code": 7}', "['a', 1]"),
        ('{"inner": {"error": "no"}}', None),
        ('["error"]', None),
        ('"error"', None),
        ('{"error": "half \\ud800 pair"}', "half \\ud800 pair"),
    ],
)
def test_the_error_of_a_result(result: str | None, error: str | None) -> None:
    assert find_error(result) == error


@given(JSON)
def test_any_json_is_looked_at(value: Any) -> None:
    found = find_error(json.dumps(value))
    failed = isinstance(value, dict) and value.get("error") is not None
    assert (found is not None) == failed
    if found is not None:
        found.encode()
        assert len(found) <= 1800


def test_json_that_is_too_deep_has_no_error() -> None:
    assert find_error("[" * 100_000 + '"error"') is None
