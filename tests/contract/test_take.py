"""Adding tasks, and which worker gets which of them."""

import json
import re

import pytest

from support.contract import EMBEDDED, V1, V2, Bridge


def test_an_added_task_is_taken_with_its_data(bridge: Bridge, task_type: str) -> None:
    data = {"targetlanguage": "de", "numberofpredictions": "10"}
    task_id = bridge.add({"type": task_type, "data": data})
    answer = bridge.take(task_type)
    assert answer.status == 200
    taken = answer.json()
    assert (taken["id"], taken["data"]) == (task_id, data)
    if bridge.release != V2:
        assert taken.keys() == {"id", "data"}


def test_add_answers_the_id(bridge: Bridge, task_type: str) -> None:
    answer = bridge.add_form(json.dumps({"type": task_type}).encode())
    assert answer.status == 200
    assert re.fullmatch(r"[0-9a-f-]{36}|[0-9A-Z]{26}", answer.json()["id"])
    if bridge.release != V2:
        assert answer.json().keys() == {"id"}


def test_data_of_every_json_kind_comes_back(bridge: Bridge, task_type: str) -> None:
    values: list[object] = [{"a": [1, 2.5, None, True, "ä€😀"], "b": {}}, {"deep": [[[[{}]]]]}]
    if bridge.release != V2:
        values += ["text", 7, [1]]
    if bridge.is_embedded:
        values += [None, False, 0, "", [], {}, "\ud800", 10**40]
    for value in values:
        task_id = bridge.add({"type": task_type, "data": value})
        assert bridge.get(f"tasks/details/{task_id}/").json()["data"] == value
        taken = bridge.take(task_type).json()
        assert (taken["id"], taken["data"]) == (task_id, value)


def test_a_task_without_data_is_taken_without_data(bridge: Bridge, task_type: str) -> None:
    bridge.add({"type": task_type})
    assert "data" not in bridge.take(task_type).json()


def test_parts_of_the_form_may_come_in_any_order(bridge: Bridge, task_type: str) -> None:
    form = json.dumps({"type": task_type}).encode()
    task_id = bridge.add_form(form, b"BYTES", file_first=True).json()["id"]
    assert bridge.get(f"tasks/file/{task_id}/").body == b"BYTES"
    assert bridge.take(task_type).json()["id"] == task_id


def test_the_oldest_open_task_comes_first(bridge: Bridge, task_type: str) -> None:
    added = [bridge.add({"type": task_type, "data": {"n": n}}) for n in range(5)]
    taken = [bridge.take(task_type).json()["id"] for _ in added]
    assert taken == added


def test_nothing_open_is_a_404(bridge: Bridge, task_type: str) -> None:
    answer = bridge.take(task_type)
    assert answer.status == 404
    if bridge.release in (V1, EMBEDDED):
        assert answer.body == b""


def test_a_task_is_taken_once(bridge: Bridge, task_type: str) -> None:
    bridge.add({"type": task_type})
    assert bridge.take(task_type).status == 200
    assert bridge.take(task_type).status == 404


def test_only_the_asked_type_is_taken(bridge: Bridge, task_type: str) -> None:
    bridge.add({"type": f"{task_type}-other"})
    assert bridge.take(task_type).status == 404
    assert bridge.take(f"{task_type}-other").status == 200


def test_requirements_are_compared_with_abilities(bridge: Bridge, task_type: str) -> None:
    if bridge.release in (V1, V2):
        pytest.skip(f"{bridge.release} ignores abilities")
    task_id = bridge.add({"type": task_type, "requirements": {"language": "de", "level": 2}})
    for abilities in (
        {},
        {"language": "de"},
        {"language": "en", "level": 2},
        {"language": "de", "level": "2"},
        {"language": ["de"], "level": 2},
    ):
        assert bridge.take(task_type, abilities=abilities).status == 404, abilities
    suited = {"language": "de", "level": 2, "more": True}
    assert bridge.take(task_type, abilities=suited).json()["id"] == task_id


def test_a_task_that_suits_nobody_holds_up_no_other(bridge: Bridge, task_type: str) -> None:
    if bridge.release in (V1, V2):
        pytest.skip(f"{bridge.release} ignores abilities")
    bridge.add({"type": task_type, "requirements": {"language": "tlh"}})
    free = bridge.add({"type": task_type})
    assert bridge.take(task_type, abilities={"language": "de"}).json()["id"] == free


def test_a_take_without_abilities_gets_tasks_without_requirements(
    bridge: Bridge, task_type: str
) -> None:
    task_id = bridge.add({"type": task_type})
    answer = bridge.post("tasks/take/", {"type": task_type, "worker": "w"})
    assert answer.json()["id"] == task_id
