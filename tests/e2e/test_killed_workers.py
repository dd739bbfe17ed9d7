"""Workers are killed at random, for good: what they held is open again after the lease.

CLASSIFYIMAGE_WORKERS=8 CLASSIFYIMAGE_TASKS=5000 CLASSIFYIMAGE_KILL_ROUNDS=20 makes it long.
"""

import os
import random
import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.api import Api
from support.programs import Program, free_port
from support.small_worker import small_worker
from support.waiting import LONG_S, wait_until
from support.working import coloured_picture

WORKERS = int(os.environ.get("CLASSIFYIMAGE_WORKERS", "2"))
TASKS = int(os.environ.get("CLASSIFYIMAGE_TASKS", "40"))
ROUNDS = int(os.environ.get("CLASSIFYIMAGE_KILL_ROUNDS", "1"))
LEASE_S = 5


class Lab:
    """Workers that come and go, each under a name of its own, and a client's pictures."""

    def __init__(self, api: Api, stack: ExitStack) -> None:
        self._api = api
        self._stack = stack
        self._started = 0
        self._alive: dict[str, Program] = {}
        self.classes: dict[str, str] = {}

    def start_worker(self) -> None:
        self._started += 1
        name = f"w{self._started}"
        program = small_worker(self._api.root, name)
        self._alive[name] = self._stack.enter_context(program)

    def add(self, count: int) -> None:
        source = random.Random()
        for _ in range(count):
            best, picture = coloured_picture(source)
            self.classes[self._api.add({}, picture)] = best

    def kill_one(self) -> int:
        """Kills a worker that is at work; gives how many tasks are stranded with it."""
        while not (at_work := self._at_work() & self._alive.keys()):
            self.add(5)
        name = random.choice(sorted(at_work))
        self._alive.pop(name).kill()
        return sum(task.get("worker") == name for task in self._in_progress())

    def _at_work(self) -> set[str]:
        return {str(task.get("worker")) for task in self._in_progress()}

    def _in_progress(self) -> list[dict[str, object]]:
        return [task for task in self._api.tasks() if task["status"] == "inprogress"]


@pytest.mark.timeout(600 + 60 * ROUNDS + TASKS // 10)
def test_what_killed_workers_held_is_done_by_others_and_everything_once(tmp_path: Path) -> None:
    """No worker comes back under its name, so only the lease can bring a stranded task back."""
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}")
    flags = ("--bridge-port", str(port), "--bridge-data", str(tmp_path / "bridge"))
    with Program("bridge", *flags, "--bridge-lease", str(LEASE_S)) as bridge, ExitStack() as stack:
        bridge.wait_for("Stop with")
        lab, stranded = Lab(api, stack), 0
        lab.add(TASKS)
        for _ in range(WORKERS):
            lab.start_worker()
        for _ in range(ROUNDS):
            while not (with_it := lab.kill_one()):
                lab.start_worker()
            stranded += with_it
            lab.start_worker()
        killed_at_s = time.time()
        wait_until(lambda: set(api.statuses()) == {"completed"}, LONG_S + TASKS / 10)
        last_s = max(task["completedat"] for task in api.tasks()) / 1000
        for task_id, best in lab.classes.items():
            assert api.result(task_id)["predictions"][0]["class"] == best
        assert api.json("GET", "tasks/statistics/") == {"classifyimage": len(lab.classes)}
        # A report that was on its way when its worker died may have arrived after the count.
        reopened = sum(map(int, re.findall("reopened=([0-9]+)", bridge.printed)))
        assert 0 < reopened <= stranded
    print(
        f"{len(lab.classes)} tasks, {ROUNDS} kills, {reopened} tasks reopened; "
        f"the last result came {last_s - killed_at_s:.1f} s after the last kill"
    )
