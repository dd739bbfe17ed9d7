"""The life of a task: status, progress, result, restart and removal."""

from support.contract import EMBEDDED, V1, V2, V3, Bridge


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
    if bridge.release in (V1, EMBEDDED):
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


def test_progress_zero_is_shown(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("a progress of 0 is shown like any other")
    task_id = bridge.add({"type": task_type})
    bridge.post(f"tasks/progress/{task_id}/", {"progress": "0"})
    assert bridge.get(f"tasks/status/{task_id}/").json() == {"status": "open", "progress": 0}


def test_there_is_no_result_before_the_task_is_completed(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    nothing = {"result": None} if bridge.release == V2 else {}
    assert bridge.get(f"tasks/result/{task_id}/").json() == nothing
    bridge.take(task_type)
    assert bridge.get(f"tasks/result/{task_id}/").json() == nothing


def test_a_result_comes_back(bridge: Bridge, task_type: str) -> None:
    result = {"predictions": [{"name": "Käse €", "probability": 0.125}], "duration": 1.5}
    task_id = bridge.complete_one(task_type, result)
    assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": result}
    assert bridge.get(f"tasks/details/{task_id}/").json()["result"] == result


def test_a_second_result_replaces_the_first(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.complete_one(task_type, {"n": 1})
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": {"n": 2}}).status == 200
    assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": {"n": 2}}


def test_a_large_result_is_accepted(bridge: Bridge, task_type: str) -> None:
    result = {"text": "x" * 5_000_000}
    task_id = bridge.complete_one(task_type, result)
    assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": result}


def test_a_result_may_be_any_json(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("results of every JSON kind come back")
    for result in (None, 0, "", [], "text", [1, {"a": "\ud83d"}]):
        task_id = bridge.complete_one(task_type, result)
        assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": result}


def test_a_completed_task_is_not_taken_again(bridge: Bridge, task_type: str) -> None:
    bridge.complete_one(task_type, {})
    assert bridge.take(task_type).status == 404


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
    task_id = bridge.complete_one(task_type, {"n": 1})
    bridge.post(f"tasks/progress/{task_id}/", {"progress": "99"})
    assert bridge.get(f"tasks/restart/{task_id}/").status == 200
    details = bridge.get(f"tasks/details/{task_id}/").json()
    if bridge.release in (V1, EMBEDDED):
        forgotten = {"result", "worker", "startedat", "completedat", "progress"}
        assert not forgotten & details.keys()
        assert bridge.get(f"tasks/result/{task_id}/").json() == {}
    elif bridge.release == V3:
        assert details["progress"] == 0


def test_a_head_request_restarts_nothing(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("HEAD changes nothing")
    task_id = bridge.add({"type": task_type})
    bridge.take(task_type)
    assert bridge.call("HEAD", f"/api/tasks/restart/{task_id}/").status == 405
    assert bridge.get(f"tasks/status/{task_id}/").json()["status"] == "inprogress"


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
