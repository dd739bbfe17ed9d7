"""A machine that has no more to give: no task is answered for that, and all are afterwards."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from support.processes import descendants
from support.programs import RunningBridge
from support.small_worker import any_picture, small_worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits other processes")

Limit = Callable[[int], AbstractContextManager[None]]
#: Of version 1, which this process may have as root.
PIDS = Path("/sys/fs/cgroup/pids")


@contextmanager
def few_descriptors(pid: int) -> Iterator[None]:
    import resource  # noqa: PLC0415 - not on Windows

    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # Less than it has: not even what a dead decoder leaves can be used again.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@contextmanager
def few_processes(pid: int) -> Iterator[None]:
    if not os.access(PIDS, os.W_OK) or not (PIDS / "cgroup.procs").exists():
        pytest.skip("no control group to be had")
    group = PIDS / f"classifyimage-test-{pid}"
    group.mkdir()
    for each in (pid, *descendants(pid)):
        (group / "cgroup.procs").write_text(str(each), encoding="ascii")
    (group / "pids.max").write_text("1", encoding="ascii")
    yield
    (group / "pids.max").write_text("max", encoding="ascii")


@pytest.mark.parametrize(
    ("limited", "named"), [(few_descriptors, "descriptors"), (few_processes, "processes")]
)
def test_no_task_ends_because_the_machine_is_short(
    running_bridge: RunningBridge,
    limited: Limit,
    named: str,
) -> None:
    """They are handed back, one line says what is short, and later all are classified."""
    api = running_bridge.api
    with small_worker(running_bridge.url) as worker:
        assert "error" not in api.wait_for_result(api.add(file=any_picture()))
        pid = worker.process.pid
        with limited(pid):
            os.kill(max(descendants(pid)), signal.SIGKILL)
            tasks = [api.add(file=any_picture()) for _ in range(4)]
            worker.wait_for(named)
            assert set(api.statuses()) <= {"completed", "open", "inprogress"}
        for task in tasks:
            assert "error" not in api.wait_for_result(task)
        worker.stop()
    group = PIDS / f"classifyimage-test-{pid}"
    if group.exists():
        group.rmdir()
