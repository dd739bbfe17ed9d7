"""Answers of several tasks, right and wrong."""

import json

import pytest

from taskworker_classifyimage.bridge_client.several import (
    join_results,
    parse_statuses,
    parse_taken,
)
from taskworker_classifyimage.errors import BridgeUnavailable


def answer(tasks: object, files: bytes = b"") -> bytes:
    head = json.dumps(tasks, indent=1).encode()
    return b"%d\n%s%s" % (len(head), head, files)


def test_each_task_gets_its_own_file() -> None:
    tasks = [{"id": "a", "file": 2}, {"id": "b", "data": [1]}, {"id": "c", "file": 0}]
    taken = parse_taken(answer(tasks, b"aa"), most=3)
    assert [(each.id, each.data, each.file) for each in taken] == [
        ("a", None, b"aa"),
        ("b", [1], None),
        ("c", None, b""),
    ]


def test_the_answer_of_any_bridge_is_one_task() -> None:
    """A file that it claims to have sent is fetched."""
    [task] = parse_taken(b' {"id": "a", "data": 1, "file": 3}', most=8)
    assert (task.id, task.data, task.file) == ("a", 1, None)


@pytest.mark.parametrize(
    "content",
    [
        answer([]),
        answer([{"id": "a"}, {"id": "b"}]),
        answer({"id": "a"}),
        answer([{"id": 5}]),
        answer([5]),
        answer([{"id": "a", "file": 2}], b"a"),
        answer([{"id": "a", "file": 2}], b"aaa"),
        answer([{"id": "a", "file": -1}], b"a"),
        answer([{"id": "a"}])[:-1],
        b"17",
        b"1234567890\n[]",
        b"9" * 5000,
        b"2\n[]",
        b"5\n[[[[[",
    ],
)
def test_a_broken_answer_is_an_outage(content: bytes) -> None:
    """No task is begun with a file that may be another one's."""
    with pytest.raises(BridgeUnavailable):
        parse_taken(content, most=1)


@pytest.mark.parametrize(
    "content", [b"", b"[200]", b'{"statuses": [200, 200]}', b'{"statuses": ["200"]}', b"{}"]
)
def test_an_answer_without_a_status_for_each_result_acknowledges_none(content: bytes) -> None:
    with pytest.raises(BridgeUnavailable):
        parse_statuses(content, 1)
    assert parse_statuses(b'{"statuses": [404]}', 1) == [404]


def test_results_are_joined_as_they_are() -> None:
    assert json.loads(join_results([b'{"id": "a"}', b'{"id": "b"}'])) == {
        "results": [{"id": "a"}, {"id": "b"}]
    }
