"""A full disk: nothing is added, and everything that is there can be worked on and removed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.in_process import BridgeOnFolder, form, serving
from taskworker_classifyimage.bridge_server.limits import Limits

MIB = 2**20
FULL = {"error": "the bridge's disk is full: make room on it, or remove tasks"}
DATA = form(b'{"type": "t", "data": "' + b"x" * (3 * MIB) + b'"}')


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB."""
    if sys.platform != "linux":
        pytest.skip("mounts a disk as Linux does")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", os.fspath(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("this system does not let its users mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    """Another program takes the last byte of the disk."""
    with (folder / "other").open("ab", buffering=0) as other, suppress(OSError):
        while other.write(bytes(4096)) == 4096:
            pass
    assert shutil.disk_usage(folder).free == 0


def work_on_everything(bridge: BridgeOnFolder, tasks: list[str]) -> None:
    """Takes, reports, restarts, completes and removes; every answer is a success."""
    for task_id in tasks:
        assert bridge.take() == task_id
        assert bridge.post(f"tasks/progress/{task_id}/", {"progress": 5}).status == 200
        assert bridge.get(f"tasks/restart/{task_id}/").status == 200
        assert bridge.take() == task_id
        done = bridge.post(f"tasks/complete/{task_id}/", {"result": {"predictions": [1, 2, 3]}})
        assert done.status == 200
    for task_id in tasks:
        assert bridge.delete(f"tasks/remove/{task_id}/").status == 200
    assert bridge.listed() == []


def test_data_leaves_the_reserve_free_as_files_do(small_disk: Path) -> None:
    with serving(small_disk, Limits(free_bytes=16 * MIB)) as bridge:
        tasks = []
        while (answer := bridge.add_form(DATA)).status == 200:
            tasks.append(answer.json()["id"])
        assert (answer.status, answer.json()) == (507, FULL)
        assert len(tasks) >= 2
        assert shutil.disk_usage(small_disk).free >= 15 * MIB
        work_on_everything(bridge, tasks)
        for _ in tasks:
            assert bridge.add_form(DATA).status == 200


@pytest.mark.parametrize("restarted", [False, True])
def test_a_disk_that_others_fill_stops_no_work(small_disk: Path, restarted: bool) -> None:
    """A task with much data can be removed; to work on it SQLite may need more than is left."""
    # More than the ballast, as in reality.
    limits = Limits(free_bytes=24 * MIB)
    with serving(small_disk, limits) as bridge:
        large, tasks = bridge.add_form(DATA).json()["id"], [bridge.add(b"picture"), bridge.add()]
        fill(small_disk)
        if not restarted:
            assert bridge.add_form(form(b'{"type": "t"}')).status == 507
            assert bridge.delete(f"tasks/remove/{large}/").status == 200
            work_on_everything(bridge, tasks)
    if restarted:
        fill(small_disk)
        with serving(small_disk, limits) as bridge:
            assert bridge.add_form(form(b'{"type": "t"}')).status == 507
            assert bridge.delete(f"tasks/remove/{large}/").status == 200
            work_on_everything(bridge, tasks)


def test_once_there_is_room_tasks_are_added_again(small_disk: Path) -> None:
    with serving(small_disk, Limits(free_bytes=16 * MIB)) as bridge:
        tasks = [bridge.add() for _ in range(50)]
        fill(small_disk)
        work_on_everything(bridge, tasks)
        (small_disk / "other").unlink()
        assert bridge.add_form(DATA).status == 200


def test_what_adds_is_refused_and_what_removes_is_not(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        tasks = [bridge.add(b"picture"), bridge.add()]
    with serving(tmp_path, Limits(free_bytes=2**62)) as bridge:
        for body in (form(b'{"type": "t"}'), form(b'{"type": "t"}', b"picture"), DATA):
            answer = bridge.add_form(body)
            assert (answer.status, answer.json()) == (507, FULL)
        work_on_everything(bridge, tasks)
