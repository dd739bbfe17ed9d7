"""`--device auto` measures the runtimes once the worker works, for its next start."""

import importlib.util
import os
from pathlib import Path

import pytest

from support.programs import RunningBridge, worker
from support.small_worker import any_picture, small_flags
from support.waiting import wait_until


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None and os.environ.get("CI") != "true",
    reason="OpenVINO is not installed",
)
def test_the_first_task_has_the_runtimes_measured(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Not before a task, nor for a device that is named."""
    state = tmp_path / "state"
    running_bridge.api.add({}, any_picture())
    named = (*small_flags(), "--state", str(state))
    with worker(running_bridge.url, "named", *named) as program:
        wait_until(lambda: running_bridge.api.statuses() == {"completed": 1})
        assert program.stop() == 0
    assert not (state / "speeds").exists()
    running_bridge.api.add({}, any_picture())
    with worker(running_bridge.url, "auto", *named, "--device", "auto") as program:
        wait_until(lambda: len(list((state / "speeds").glob("*.json"))) == 1)
        wait_until(lambda: "from the next start, --device auto is " in program.printed)
        assert program.stop() == 0
        assert "Traceback" not in program.printed
