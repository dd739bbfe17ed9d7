"""What holds for every call: other origins, the version, the last slash."""

import pytest

from support.contract import NOBODY, V2, V3, Bridge


def test_pages_of_other_servers_may_read_answers(bridge: Bridge, task_type: str) -> None:
    if bridge.is_embedded:
        pytest.skip("the embedded bridge allows only origins that its settings name")
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
    if bridge.is_embedded:
        assert answer.status == 403
        return
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
    assert bridge.delete(f"tasks/remove/{task_id}").status == 200
