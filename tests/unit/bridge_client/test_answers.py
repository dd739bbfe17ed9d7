import json
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskworker_classifyimage.bridge_client.answers import DEPTH_LIMIT, parse_json, path_segment
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def nested(levels: int, inside: object = 1) -> object:
    value = inside
    for level in range(levels):
        value = [value] if level % 2 else {'a"]}\\': value}
    return value


def as_json(levels: int) -> bytes:
    """Many levels as text, which the library could not write."""
    return b'{"a":[' * (levels // 2) + b'"]"' + b"]}" * (levels // 2)


@settings(max_examples=40)
@given(JSON)
def test_flat_values_come_through(value: object) -> None:
    """What real answers look like is not touched."""
    assert parse_json(json.dumps(value).encode(), "p") == value


def test_what_is_too_deep_is_cut() -> None:
    """A client's deep data costs itself, and not the answer to its task."""
    answer = json.dumps({"id": "a", "data": [nested(DEPTH_LIMIT - 2, inside=[1]), "b"], "c": [2]})
    expected = {"id": "a", "data": [nested(DEPTH_LIMIT - 2, inside=None), "b"], "c": [2]}
    assert parse_json(answer.encode(), "p") == expected
    kept = json.dumps(nested(DEPTH_LIMIT))
    assert parse_json(kept.encode(), "p") == json.loads(kept)


@pytest.mark.parametrize("levels", [DEPTH_LIMIT + 2, 500, 2_000, 100_000])
def test_any_depth_is_cut(levels: int) -> None:
    """Also what the parser alone would refuse."""
    value = parse_json(b'{"id": "x", "data": ' + as_json(levels) + b"}", "p")
    assert value["id"] == "x"
    depth = 0
    inner = value["data"]
    while inner is not None:
        inner, depth = (inner["a"] if isinstance(inner, dict) else inner[0]), depth + 1
    assert depth == DEPTH_LIMIT - 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"\xff\xfe\x00",
        b'"\xc3("',
        b"[" * 100_000,
        b"]" * 100_000,
        b"[" * 100 + b"]" * 99,
        b"[" * 100 + b"]" * 101,
        as_json(1000) + b"x",
        b'{"a":[' * 400_000 + b"]}" * 400_000,
        b"1" * 5000,
    ],
)
def test_what_is_no_json_is_refused(answer: bytes) -> None:
    """An error for that call, nothing more."""
    with pytest.raises(BridgeUnavailable, match=r"^tasks/x/ (did not answer|answered)"):
        parse_json(answer, "tasks/x/")


@given(st.text(min_size=1, max_size=150))
def test_an_id_is_one_segment(task_id: str) -> None:
    """Nothing in it can end the segment, go up a folder or begin another line."""
    try:
        segment = path_segment(task_id)
    except BridgeRejected:
        assert any("\ud800" <= letter <= "\udfff" for letter in task_id)
        return
    assert unquote(segment) == task_id
    assert segment.isascii()
    assert not set(segment) & set("/?#.\\ \r\n")


@pytest.mark.parametrize("task_id", ["", "\ud800", "x" * 2001, "\n" * 1000])
def test_absurd_ids_are_refused(task_id: str) -> None:
    """The message stays short and on one line."""
    with pytest.raises(BridgeRejected) as caught:
        path_segment(task_id)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
