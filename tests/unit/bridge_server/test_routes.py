"""The handlers: the folder of files follows the tasks, ids are checked, lists are complete."""

import uuid
from pathlib import Path

import pytest

from support.in_process import BridgeOnFolder, serving
from taskworker_classifyimage.bridge_server.store import TaskStore


def test_removing_a_task_removes_its_file(bridge: BridgeOnFolder) -> None:
    task_id = bridge.add(b"picture")
    assert bridge.files() == [task_id]
    assert bridge.delete(f"tasks/remove/{task_id}/").status == 200
    assert bridge.files() == []


def test_a_file_that_somebody_deleted_is_a_404(bridge: BridgeOnFolder) -> None:
    task_id = bridge.add(b"picture")
    (bridge.folder / "files" / task_id).unlink()
    assert bridge.get(f"tasks/file/{task_id}/").status == 404
    assert bridge.delete(f"tasks/remove/{task_id}/").status == 200


def test_a_form_of_a_browser_may_have_an_empty_file_field(bridge: BridgeOnFolder) -> None:
    task_id = bridge.add(b"", file_name="")
    assert bridge.files() == []
    assert bridge.get(f"tasks/file/{task_id}/").status == 404


def test_files_without_a_task_are_removed_at_the_start(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        kept = bridge.add(b"picture")
        bare = bridge.add()
    for name in (bare, str(uuid.uuid4()), f"{uuid.uuid4()}.part"):
        (tmp_path / "files" / name).touch()
    with serving(tmp_path) as bridge:
        assert bridge.files() == [kept]


@pytest.mark.parametrize("file_name", ["../../evil", "..\\evil", "/etc/evil", "a.part", "CON"])
def test_a_clients_file_name_is_never_used(bridge: BridgeOnFolder, file_name: str) -> None:
    task_id = bridge.add(b"x", file_name)
    assert bridge.files() == [task_id]
    everything = {path.name for path in bridge.folder.rglob("*") if path.is_file()}
    assert {name for name in everything if not name.startswith("tasks.sqlite3")} == {task_id}


@pytest.mark.parametrize(
    "task_id",
    ["..%2f..%2ftasks.sqlite3", "..%2ftasks.sqlite3", "%2e%2e", "..%5ctasks", "%00", "%ff", "%C3"],
)
def test_no_id_leads_out_of_the_folder(bridge: BridgeOnFolder, task_id: str) -> None:
    for method, path in (("GET", "file"), ("DELETE", "remove"), ("GET", "details")):
        assert bridge.call(method, f"/api/tasks/{path}/{task_id}").status == 404


def test_a_list_of_several_pages_is_complete(tmp_path: Path) -> None:
    store = TaskStore(tmp_path / "tasks.sqlite3")
    store.open()
    store._database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
        " INSERT INTO tasks (id, type, has_file, createdat, requirements)"
        " SELECT i, 't', 0, 0, '' FROM n"
    )
    store.close()
    with serving(tmp_path) as bridge:
        assert [int(task["id"]) for task in bridge.listed()] == list(range(1, 2501))
