"""The folder of files follows the tasks, and stands it when somebody else tidies there."""

import uuid
from pathlib import Path

from support.in_process import BridgeOnFolder, serving


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
