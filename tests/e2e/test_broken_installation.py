"""An installation that breaks under a worker that runs, as by an update or a full memory."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from support.processes import descendants
from support.programs import ROOT, Program, RunningBridge
from support.small_worker import small_flags
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_a_worker_that_has_no_decoders_any_more_answers_nothing_and_ends(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Its tasks are open again: whoever can do them does them, and none was answered wrongly."""
    api = running_bridge.api
    installed = tmp_path / "installed"
    shutil.copytree(ROOT / "tests" / "support", installed / "support")
    search = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    with Program(
        *("work", "--taskbridgeurl", running_bridge.url, "--worker", "w", *small_flags()),
        command=(sys.executable, "-m", "support.poisonable"),
        environ={"PYTHONPATH": search, "XDG_STATE_HOME": str(tmp_path / "state")},
    ) as program:
        assert "error" not in api.wait_for_result(api.add({}, b"fine"))
        shutil.rmtree(installed)
        for pid in descendants(program.process.pid):
            os.kill(pid, signal.SIGKILL)
        tasks = [api.add({}, b"fine %d" % number) for number in range(20)]
        assert program.process.wait(60) == 1
        wait_until(lambda: "do not start" in program.printed)
        assert "fault of this program" not in program.printed
    assert {api.status(task_id) for task_id in tasks} == {"open"}
