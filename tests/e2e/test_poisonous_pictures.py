"""Pictures that take their decoder over, through a whole worker."""

import os
import sys
from pathlib import Path

import pytest

from support.packs import colour_network, write_pack
from support.processes import descendants, is_alive
from support.programs import ROOT, Program, RunningBridge
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

FINE = b"fine"

#: What a picture does, and the code of its task.
DEEDS = {
    b"crash": "killed",
    b"abort": "killed",
    b"fork": "killed",
    b"execute /bin/true": "killed",
    b"connect 127.0.0.1:9": "killed",
    b"babble": "killed",
    b"read /etc/hostname": "damaged",
    b"eat 1000000000000": "too_large",
    b"hang": "too_slow",
    b"fail": "internal",
}


def poisonable_worker(running: RunningBridge, folder: Path, *flags: str) -> Program:
    pack = write_pack(folder / "pack", colour_network())
    search = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    return Program(
        *("work", "--taskbridgeurl", running.url, "--worker", "w", "--model", str(pack), *flags),
        command=(sys.executable, "-m", "support.poisonable"),
        environ={"PYTHONPATH": search, "XDG_STATE_HOME": str(folder / "state")},
    )


def test_each_deed_ends_its_own_task_with_its_code(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Other pictures are classified, decoders are replaced, nothing is left behind."""
    api = running_bridge.api
    with poisonable_worker(running_bridge, tmp_path, "--decode-timeout", "5") as program:
        deeds, neighbours = {}, []
        for number, deed in enumerate(DEEDS):
            deeds[deed] = api.add({}, deed)
            # Different contents, so that all of them are decoded.
            neighbours.append(api.add({}, FINE + b" %d" % number))
        for deed, task_id in deeds.items():
            assert api.wait_for_result(task_id).get("code") == DEEDS[deed], deed
        for task_id in neighbours:
            assert api.wait_for_result(task_id)["predictions"]
        family = descendants(program.process.pid)
        assert "error" not in api.wait_for_result(api.add({}, FINE))
        assert program.stop() == 0
    wait_until(lambda: not any(map(is_alive, family)))
    assert [path for path in (tmp_path / "state").rglob("*") if path.is_file()] == []


def test_a_worker_stops_in_time_although_a_decoder_hangs(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """The task is handed back, and no process stays."""
    api = running_bridge.api
    task_id = api.add({}, b"hang")
    with poisonable_worker(running_bridge, tmp_path, "--decoder-processes", "1") as program:
        wait_until(lambda: api.status(task_id) == "inprogress")
        family = descendants(program.process.pid)
        assert program.stop(timeout_s=10) == 0
    assert api.status(task_id) == "open"
    wait_until(lambda: not any(map(is_alive, family)))


def test_a_killed_worker_takes_its_decoders_along(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Otherwise a machine would fill with processes that hang."""
    api = running_bridge.api
    task_id = api.add({}, b"hang")
    with poisonable_worker(running_bridge, tmp_path, "--decoder-processes", "1") as program:
        wait_until(lambda: api.status(task_id) == "inprogress")
        family = descendants(program.process.pid)
        assert len(family) > 1
        program.kill()
        wait_until(lambda: not any(map(is_alive, family)))
