"""What the bridge does unasked: it opens tasks of the silent again, and removes old ones."""

import sqlite3
import time
from pathlib import Path

import pytest

from support.in_process import BridgeOnFolder, serving
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server.limits import Limits

DAY_S = 86_400.0


def completed(bridge: BridgeOnFolder, file: bytes | None = None) -> str:
    task_id = bridge.add(file)
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": 1}).status == 200
    return task_id


def make_older(folder: Path, task_id: str, age_s: float) -> None:
    """Turns back the time at which a task was completed, while the bridge is away."""
    with sqlite3.connect(folder / "tasks.sqlite3") as database:
        then_ms = int((time.time() - age_s) * 1000)
        database.execute("UPDATE tasks SET completedat = ? WHERE id = ?", (then_ms, task_id))
    database.close()


def lease(bridge: BridgeOnFolder) -> int:
    wanted = {"type": "t", "worker": "w", "lease": True}
    return int(bridge.post("tasks/take/", wanted).json()["attempt"])


def status(bridge: BridgeOnFolder, task_id: str) -> str:
    return str(bridge.get(f"tasks/status/{task_id}/").json()["status"])


def test_a_task_that_nobody_renews_is_open_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, Limits(lease_s=0.5)) as bridge:
        silent, unleased = bridge.add(b"picture"), bridge.add()
        lease(bridge)
        assert bridge.take() == unleased
        wait_until(lambda: status(bridge, silent) == "open")
        assert "bridge.leases_run_out reopened=1" in caplog.text
        assert status(bridge, unleased) == "inprogress"
        assert bridge.take() == silent
        assert bridge.get(f"tasks/file/{silent}/").body == b"picture"


def test_a_task_that_is_renewed_stays_with_its_worker(tmp_path: Path) -> None:
    """Far longer than the lease, which another task shows."""
    with serving(tmp_path, Limits(lease_s=1)) as bridge:
        renewed, silent = bridge.add(), bridge.add()
        attempt = lease(bridge)
        for _ in range(2):
            lease(bridge)

            def renew() -> bool:
                answer = bridge.post(f"tasks/renew/{renewed}/", {"attempt": attempt})
                assert answer.status == 200
                return status(bridge, silent) == "open"

            wait_until(renew)
        assert status(bridge, renewed) == "inprogress"


def test_tasks_completed_long_ago_go_with_their_files(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        old = [completed(bridge, b"picture") for _ in range(3)]
        bare, young, unfinished = completed(bridge), completed(bridge, b"x"), bridge.add(b"y")
    for task_id in (*old, bare):
        make_older(tmp_path, task_id, 30 * DAY_S + 60)
    make_older(tmp_path, young, 30 * DAY_S - 60)
    with serving(tmp_path, Limits(keep_s=30 * DAY_S)) as bridge:
        wait_until(lambda: len(bridge.listed()) == 2)
        assert [task["id"] for task in bridge.listed()] == [young, unfinished]
        assert bridge.files() == sorted([young, unfinished])
        assert bridge.get("tasks/statistics/").json() == {"t": 5}


def test_many_old_tasks_go_while_the_bridge_answers(tmp_path: Path) -> None:
    """More than are removed at once."""
    with serving(tmp_path) as bridge:
        for _ in range(250):
            make = completed(bridge)
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as database:
        database.execute("UPDATE tasks SET completedat = 1")
    database.close()
    with serving(tmp_path, Limits(keep_s=DAY_S)) as bridge:
        wait_until(lambda: bridge.listed() == [])
        assert bridge.get(f"tasks/status/{make}/").status == 404


def test_tasks_stay_where_nobody_wants_them_removed(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        task_id = completed(bridge, b"picture")
    make_older(tmp_path, task_id, 36_500 * DAY_S)
    with serving(tmp_path) as bridge:
        assert bridge.get(f"tasks/file/{task_id}/").body == b"picture"
