"""What every TaskBridge answers, and what only the embedded one promises beyond that.

One suite for the embedded bridge and for the releases 1.3.0, 2.2.1 and 3.1.0: where these differ,
each test says who answers what.
"""

from __future__ import annotations

import http.client
import json
import os
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from contract.conftest import Bridge

V1, V2, V3 = "1.3.0", "2.2.1", "3.1.0"
NOBODY = "00000000-0000-4000-8000-000000000000"
#: Seconds since the epoch are far below it.
MILLISECONDS_OF_2001 = 1_000_000_000_000
CALLS_BY_ID = ("status", "result", "details", "file", "restart")


def completed(bridge: Bridge, task_type: str, result: object) -> str:
    """The id of a task that a worker has taken and completed."""
    task_id = bridge.add({"type": task_type})
    assert bridge.take(task_type).json()["id"] == task_id
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": result}).status == 200
    return task_id


# Adding and taking


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


def test_the_oldest_open_task_comes_first(bridge: Bridge, task_type: str) -> None:
    added = [bridge.add({"type": task_type, "data": {"n": n}}) for n in range(5)]
    taken = [bridge.take(task_type).json()["id"] for _ in added]
    assert taken == added


def test_nothing_open_is_a_404(bridge: Bridge, task_type: str) -> None:
    answer = bridge.take(task_type)
    assert answer.status == 404
    if bridge.release in (V1, "embedded"):
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


def test_parts_of_the_form_may_come_in_any_order(bridge: Bridge, task_type: str) -> None:
    form = json.dumps({"type": task_type}).encode()
    task_id = bridge.add_form(form, b"BYTES", file_first=True).json()["id"]
    assert bridge.get(f"tasks/file/{task_id}/").body == b"BYTES"
    assert bridge.take(task_type).json()["id"] == task_id


# Files


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_a_file_comes_back_as_it_was(bridge: Bridge, task_type: str, size: int) -> None:
    content = (b"\r\n--" + os.urandom(size))[:size]
    task_id = bridge.add({"type": task_type}, content)
    answer = bridge.get(f"tasks/file/{task_id}/")
    assert answer.status == 200
    assert answer.body == content
    assert answer.headers["Content-Length"] == str(size)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_file_may_be_empty(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type}, b"")
    answer = bridge.get(f"tasks/file/{task_id}/")
    assert (answer.status, answer.body) == (200, b"")


def test_a_task_without_a_file_answers_404_for_it(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    assert bridge.get(f"tasks/file/{task_id}/").status == 404


def test_no_part_of_the_clients_file_name_is_used(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type}, b"x")
    listed = bridge.listed(task_id)
    assert listed is not None
    assert "a b.jpg" not in json.dumps(listed)
    assert "a b.jpg" not in bridge.get(f"tasks/file/{task_id}/").headers["Content-Disposition"]


# Status, progress, result


def test_the_status_follows_the_task(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})

    def status() -> object:
        return bridge.get(f"tasks/status/{task_id}/").json()["status"]

    assert status() == "open"
    bridge.take(task_type)
    assert status() == "inprogress"
    bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
    assert status() == "completed"


def test_progress_is_shown_once_it_is_set(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    bridge.take(task_type)
    if bridge.release in (V1, "embedded"):
        assert bridge.get(f"tasks/status/{task_id}/").json() == {"status": "inprogress"}
    assert bridge.post(f"tasks/progress/{task_id}/", {"progress": "40"}).status == 200
    assert bridge.get(f"tasks/status/{task_id}/").json() == {
        "status": "inprogress",
        "progress": 40,
    }


def test_progress_may_be_a_number(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    answer = bridge.post(f"tasks/progress/{task_id}/", {"progress": 55})
    if bridge.release == V2:
        assert answer.status == 400
        return
    assert answer.status == 200
    assert bridge.get(f"tasks/status/{task_id}/").json()["progress"] == 55


def test_there_is_no_result_before_the_task_is_completed(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    nothing = {"result": None} if bridge.release == V2 else {}
    assert bridge.get(f"tasks/result/{task_id}/").json() == nothing
    bridge.take(task_type)
    assert bridge.get(f"tasks/result/{task_id}/").json() == nothing


def test_a_result_comes_back(bridge: Bridge, task_type: str) -> None:
    result = {"predictions": [{"name": "Käse €", "probability": 0.125}], "duration": 1.5}
    task_id = completed(bridge, task_type, result)
    assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": result}
    assert bridge.get(f"tasks/details/{task_id}/").json()["result"] == result


def test_a_second_result_replaces_the_first(bridge: Bridge, task_type: str) -> None:
    task_id = completed(bridge, task_type, {"n": 1})
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": {"n": 2}}).status == 200
    assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": {"n": 2}}


def test_a_large_result_is_accepted(bridge: Bridge, task_type: str) -> None:
    result = {"text": "x" * 5_000_000}
    task_id = completed(bridge, task_type, result)
    assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": result}


def test_a_completed_task_is_not_taken_again(bridge: Bridge, task_type: str) -> None:
    completed(bridge, task_type, {})
    assert bridge.take(task_type).status == 404


# Restart and remove


def test_a_restarted_task_is_open_at_its_old_place(bridge: Bridge, task_type: str) -> None:
    first = bridge.add({"type": task_type, "data": {"keep": 1}})
    second = bridge.add({"type": task_type})
    assert bridge.take(task_type).json()["id"] == first
    assert bridge.get(f"tasks/restart/{first}/").status == 200
    assert bridge.get(f"tasks/status/{first}/").json()["status"] == "open"
    again = bridge.take(task_type).json()
    assert (again["id"], again["data"]) == (first, {"keep": 1})
    assert bridge.take(task_type).json()["id"] == second


def test_a_restart_forgets_the_work(bridge: Bridge, task_type: str) -> None:
    task_id = completed(bridge, task_type, {"n": 1})
    bridge.post(f"tasks/progress/{task_id}/", {"progress": "99"})
    assert bridge.get(f"tasks/restart/{task_id}/").status == 200
    details = bridge.get(f"tasks/details/{task_id}/").json()
    if bridge.release in (V1, "embedded"):
        forgotten = {"result", "worker", "startedat", "completedat", "progress"}
        assert not forgotten & details.keys()
        assert bridge.get(f"tasks/result/{task_id}/").json() == {}
    elif bridge.release == V3:
        assert details["progress"] == 0


def test_a_removed_task_and_its_file_are_gone(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type}, b"file")
    assert bridge.remove(task_id).status == 200
    assert bridge.remove(task_id).status == 404
    assert bridge.get(f"tasks/status/{task_id}/").status == 404
    assert bridge.listed(task_id) is None
    assert bridge.take(task_type).status == 404
    if bridge.release != V2:
        assert bridge.get(f"tasks/file/{task_id}/").status == 404


def test_a_task_removed_while_worked_on_answers_404(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type}, b"file")
    bridge.take(task_type)
    bridge.remove(task_id)
    assert bridge.post(f"tasks/progress/{task_id}/", {"progress": "40"}).status == 404
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": {}}).status == 404


@pytest.mark.parametrize("call", CALLS_BY_ID)
def test_an_unknown_task_is_a_404(bridge: Bridge, call: str) -> None:
    if bridge.release == V2 and call == "file":
        with pytest.raises(http.client.RemoteDisconnected):
            bridge.get(f"tasks/file/{NOBODY}/")
        return
    assert bridge.get(f"tasks/{call}/{NOBODY}/").status == 404


def test_changes_of_an_unknown_task_are_404(bridge: Bridge) -> None:
    assert bridge.post(f"tasks/progress/{NOBODY}/", {"progress": "1"}).status == 404
    assert bridge.post(f"tasks/complete/{NOBODY}/", {"result": {}}).status == 404
    assert bridge.call("DELETE", f"/api/tasks/remove/{NOBODY}/").status == 404


# Lists and statistics


def test_the_list_shows_what_is_known_of_a_task(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type, "data": {"secret": 1}}, b"file")
    listed = bridge.listed(task_id)
    assert listed is not None
    assert (listed["type"], listed["status"]) == (task_type, "open")
    assert isinstance(listed["file"], str)
    assert listed["createdat"] > MILLISECONDS_OF_2001
    assert not {"data", "result", "worker", "startedat", "completedat"} & listed.keys()
    bridge.take(task_type, "list-worker")
    bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
    listed = bridge.listed(task_id)
    assert listed is not None
    assert (listed["status"], listed["worker"]) == ("completed", "list-worker")
    assert listed["createdat"] <= listed["completedat"]
    if bridge.release != V2:
        assert listed["createdat"] <= listed["startedat"] <= listed["completedat"]


def test_the_list_leaves_out_what_has_no_value(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    listed = bridge.listed(task_id)
    assert listed is not None
    always = {"id", "type", "status", "createdat"}
    extra = {V2: {"file"}, V3: {"progress"}}.get(bridge.release, set())
    assert listed.keys() == always | extra


def test_the_list_is_in_the_order_of_adding(bridge: Bridge, task_type: str) -> None:
    added = [bridge.add({"type": task_type}) for _ in range(3)]
    ours = [t["id"] for t in bridge.get("tasks/list/").json() if t["type"] == task_type]
    assert ours == added


def test_details_show_the_whole_task(bridge: Bridge, task_type: str) -> None:
    form = {"type": task_type, "data": {"a": 1}, "requirements": {"b": [2, True]}}
    details = bridge.get(f"tasks/details/{bridge.add(form, b'x')}/").json()
    assert {key: details[key] for key in form} == form
    assert details["status"] == "open"
    assert isinstance(details["file"], str)


def test_completed_tasks_are_counted(bridge: Bridge, task_type: str) -> None:
    worker = f"{task_type}-worker"
    for _ in range(2):
        task_id = bridge.add({"type": task_type})
        bridge.take(task_type, worker)
        bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
        bridge.remove(task_id)
    assert bridge.get("tasks/statistics/").json()[task_type] == 2
    workers = bridge.get("tasks/workerstatistics/").json()
    assert workers.get(worker) == (None if bridge.release == V3 else {task_type: 2})


def test_every_completion_counts(bridge: Bridge, task_type: str) -> None:
    task_id = completed(bridge, task_type, {})
    bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
    assert bridge.get("tasks/statistics/").json()[task_type] == 2


def test_a_worker_is_listed_from_its_first_take(bridge: Bridge, task_type: str) -> None:
    worker = f"{task_type}-worker"

    def listed() -> dict[str, object]:
        answer = bridge.get("workers/list/")
        assert answer.status == 200
        [entry] = [w for w in answer.json() if w["name"] == worker]
        return dict(entry)

    bridge.take(task_type, worker)
    idle = listed()
    assert idle["type"] == task_type
    task_id = bridge.add({"type": task_type})
    bridge.take(task_type, worker)
    working = listed()
    if bridge.release == V2:
        assert isinstance(working["lastping"], str)
        return
    assert (idle["status"], working["status"]) == ("idle", "working")
    assert "taskid" not in idle
    assert working["taskid"] == task_id
    assert isinstance(working["lastping"], int)
    assert working["lastping"] >= 0


# The rest of HTTP


def test_pages_of_other_servers_may_read_answers(bridge: Bridge, task_type: str) -> None:
    for answer in (
        bridge.get("tasks/list/"),
        bridge.take(task_type),
        bridge.get(f"tasks/status/{NOBODY}/"),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/api/tasks/take/", f"/api/tasks/remove/{NOBODY}/"])
def test_a_preflight_allows_json_and_delete(bridge: Bridge, path: str) -> None:
    asked = {
        "Origin": "http://elsewhere.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = bridge.call("OPTIONS", path, None, asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_the_version_is_the_one_whose_protocol_is_spoken(bridge: Bridge) -> None:
    if bridge.release in (V2, V3):
        assert bridge.get("version").status == 404
        return
    for path in ("version", "version/"):
        assert (bridge.get(path).status, bridge.get(path).body) == (200, b"1.3.0")


def test_calls_work_without_the_last_slash(bridge: Bridge, task_type: str) -> None:
    if bridge.release == V2:
        pytest.skip("2.2.1 answers 301 or 307 without the last slash")
    task_id = bridge.add({"type": task_type}, b"x", slash="")
    assert bridge.post("tasks/take", {"type": task_type, "worker": "w"}).json()["id"] == task_id
    assert bridge.get(f"tasks/file/{task_id}").body == b"x"
    assert bridge.post(f"tasks/progress/{task_id}", {"progress": "7"}).status == 200
    assert bridge.post(f"tasks/complete/{task_id}", {"result": {"a": 1}}).status == 200
    assert bridge.get(f"tasks/status/{task_id}").json()["progress"] == 7
    assert bridge.get(f"tasks/result/{task_id}").json() == {"result": {"a": 1}}
    assert bridge.get(f"tasks/details/{task_id}").json()["status"] == "completed"
    for path in ("tasks/list", "tasks/statistics", "tasks/workerstatistics", "workers/list"):
        assert bridge.get(path).status == 200
    assert bridge.get(f"tasks/restart/{task_id}").status == 200
    assert bridge.call("DELETE", f"/api/tasks/remove/{task_id}").status == 200


# What only the embedded bridge promises


def test_a_form_that_makes_no_sense_is_a_400_with_a_reason(bridge: Bridge) -> None:
    bridge.only_embedded("a broken form is a 400")
    for form in (
        None,
        b"{broken",
        b"null",
        b"[]",
        b"{}",
        b'{"type": ""}',
        b'{"type": 1}',
        b'{"type": null}',
        b'{"type": "\\ud800"}',
        b'{"type": "a", "data": NaN}',
        b'{"type": "a", "data": 1e999}',
        b'{"type": "a", "requirements": [1]}',
        b'{"type": "\xff"}',
    ):
        answer = bridge.add_form(form)
        assert answer.status == 400, form
        assert isinstance(answer.json()["error"], str)


def test_a_json_call_that_makes_no_sense_is_a_400_with_a_reason(
    bridge: Bridge, task_type: str
) -> None:
    bridge.only_embedded("broken JSON is a 400")
    task_id = bridge.add({"type": task_type})
    wrong: dict[str, tuple[bytes, ...]] = {
        "tasks/take/": (b"{}", b'{"type": 7}', b'{"type": "a", "abilities": 1}', b"[1]", b""),
        f"tasks/progress/{task_id}/": (b"{}", b'{"progress": "abc"}', b'{"progress": -1}'),
        f"tasks/complete/{task_id}/": (b"{broken", b'"text"', b'{"result": Infinity}'),
    }
    for path, bodies in wrong.items():
        for body in bodies:
            answer = bridge.call("POST", f"/api/{path}", body, {"Content-Type": "application/json"})
            assert answer.status == 400, (path, body)
            assert isinstance(answer.json()["error"], str)
    assert bridge.get(f"tasks/status/{task_id}/").json() == {"status": "open"}


def test_other_content_types_are_a_400(bridge: Bridge) -> None:
    bridge.only_embedded("other content types are a 400")
    headers = {"Content-Type": "text/plain"}
    for path in ("tasks/add/", "tasks/take/", f"tasks/complete/{NOBODY}/"):
        answer = bridge.call("POST", f"/api/{path}", b'{"type": "a"}', headers)
        assert answer.status == 400, path
        assert "send" in answer.json()["error"]


def test_an_unknown_call_is_a_404_in_json(bridge: Bridge) -> None:
    bridge.only_embedded("unknown calls answer in JSON")
    answer = bridge.get("tasks/nosuchcall/")
    assert answer.status == 404
    assert isinstance(answer.json()["error"], str)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_progress_zero_is_shown(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("a progress of 0 is shown like any other")
    task_id = bridge.add({"type": task_type})
    bridge.post(f"tasks/progress/{task_id}/", {"progress": "0"})
    assert bridge.get(f"tasks/status/{task_id}/").json() == {"status": "open", "progress": 0}


def test_a_result_may_be_any_json(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("results of every JSON kind come back")
    for result in (None, 0, "", [], "text", [1, {"a": "\ud83d"}]):
        task_id = completed(bridge, task_type, result)
        assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": result}


def test_files_are_not_sniffed(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("browsers may not guess the type of a file")
    task_id = bridge.add({"type": task_type}, b"<script>alert(1)</script>")
    headers = bridge.get(f"tasks/file/{task_id}/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_head_request_restarts_nothing(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("HEAD changes nothing")
    task_id = bridge.add({"type": task_type})
    bridge.take(task_type)
    assert bridge.call("HEAD", f"/api/tasks/restart/{task_id}/").status == 405
    assert bridge.get(f"tasks/status/{task_id}/").json()["status"] == "inprogress"
