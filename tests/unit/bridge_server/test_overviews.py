"""Lists and counts of all tasks."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from support.in_process import BridgeOnFolder, serving
from taskworker_classifyimage.bridge_server import overviews

FAILED = {"result": {"error": "it is damaged", "code": "damaged", "predictions": []}}


def fill(bridge: BridgeOnFolder) -> dict[str, str]:
    """One task in each state, oldest first."""
    done, failed, begun, waiting = (bridge.add() for _ in range(4))
    for _ in range(3):
        bridge.take()
    bridge.post(f"tasks/complete/{done}/", {"result": {"predictions": []}})
    bridge.post(f"tasks/complete/{failed}/", FAILED)
    return {"completed": done, "failed": failed, "inprogress": begun, "open": waiting}


def newest(bridge: BridgeOnFolder, query: str) -> list[str]:
    return [task["id"] for task in bridge.get(f"tasks/list/?newest={query}").json()]


def test_the_newest_tasks_come_first(
    bridge: BridgeOnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overviews, "_LOOKED_AT", 3)
    ids = [bridge.add() for _ in range(10)]
    for gone in ids[2:8]:
        bridge.delete(f"tasks/remove/{gone}/")
    left = [*ids[:2], *ids[8:]][::-1]
    assert newest(bridge, "100") == left
    assert newest(bridge, "3") == left[:3]
    assert newest(bridge, "0") == []


def test_tasks_are_listed_by_status_and_those_that_failed_say_why(bridge: BridgeOnFolder) -> None:
    ids = fill(bridge)
    assert newest(bridge, "9&status=open") == [ids["open"]]
    assert newest(bridge, "9&status=inprogress") == [ids["inprogress"]]
    assert newest(bridge, "9&status=completed") == [ids["failed"], ids["completed"]]
    assert newest(bridge, "9&status=failed") == [ids["failed"]]
    errors = {task["id"]: task.get("error") for task in bridge.listed()}
    assert errors == dict.fromkeys(ids.values()) | {ids["failed"]: "damaged: it is damaged"}
    assert bridge.get(f"tasks/details/{ids['failed']}/").json()["error"]


@pytest.mark.parametrize("query", ["x", "-1", "", "9&status=nosuch", "9&status="])
def test_a_list_that_is_none_is_refused(bridge: BridgeOnFolder, query: str) -> None:
    assert bridge.get(f"tasks/list/?newest={query}").status == 400


@pytest.mark.parametrize("end", ["restart", "remove", "a second result"])
def test_a_failure_is_forgotten_with_its_result(bridge: BridgeOnFolder, end: str) -> None:
    failed = fill(bridge)["failed"]
    match end:
        case "restart":
            bridge.get(f"tasks/restart/{failed}/")
        case "remove":
            bridge.delete(f"tasks/remove/{failed}/")
        case _:
            bridge.post(f"tasks/complete/{failed}/", {"result": {}})
    assert newest(bridge, "9&status=failed") == []
    overview = bridge.server.store.overviews
    assert overview.count_states().failed == 0


def test_tasks_are_counted_by_state_and_by_worker(bridge: BridgeOnFolder) -> None:
    fill(bridge)
    overview = bridge.server.store.overviews
    counts = {"open": 1, "inprogress": 1, "completed": 2, "failed": 1}
    assert msgspec.to_builtins(overview.count_states()) == counts
    assert overview.count_in_flight() == {("w", "t"): 1}


def test_failures_of_an_older_release_are_found(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        failed = fill(bridge)["failed"]
        odd = bridge.add()
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as old:
        old.execute("UPDATE tasks SET status = 'completed', result = '[1' WHERE id = ?", (odd,))
        old.executescript(
            "DROP TRIGGER removed_failure; DROP TRIGGER reopened_failure; DROP TABLE failures;"
            "PRAGMA user_version = 5"
        )
    old.close()
    with serving(tmp_path) as bridge:
        assert newest(bridge, "9&status=failed") == [failed]
        assert bridge.get("tasks/list/?newest=9&status=failed").json()[0]["error"] == (
            "damaged: it is damaged"
        )
