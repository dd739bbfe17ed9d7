"""Many tasks in a row in a bad network: what a worker uses does not grow.

CLASSIFYIMAGE_SOAK_TASKS=50000 makes it long.
"""

import os
import random
import sys
from pathlib import Path

import pytest

from support.api import Api
from support.faults import FAST
from support.programs import RunningBridge
from support.proxy import Exchange, Fault, FaultyProxy
from support.small_worker import small_worker
from support.waiting import LONG_S, wait_until
from support.working import coloured_picture

TASKS = int(os.environ.get("CLASSIFYIMAGE_SOAK_TASKS", "120"))
#: Of a hundred calls.
FAULTS = 1
#: Added and not yet removed.
OUTSTANDING = 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


class Client:
    """Adds pictures, and removes those that are done after a look at the answer, as IPED does."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._expected: dict[str, str] = {}
        self._source = random.Random(8)
        self.done = 0

    def work(self) -> bool:
        """Whether everything is done."""
        for task in self._api.tasks():
            if task["status"] == "completed":
                (prediction,) = self._api.result(task["id"])["predictions"]
                assert prediction["class"] == self._expected.pop(task["id"])
                self._api.remove(task["id"])
                self.done += 1
        while len(self._expected) < min(OUTSTANDING, TASKS - self.done):
            right, picture = coloured_picture(self._source)
            self._expected[self._api.add({"numberofpredictions": 1}, picture)] = right
        return self.done == TASKS


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.timeout(600 + TASKS // 10)
def test_memory_and_descriptors_stay_flat(running_bridge: RunningBridge) -> None:
    """After a fifth of the tasks a worker has what it needs; nothing is wrong, lost or stuck."""
    fate = random.Random(8)

    def choose(_: Exchange) -> Fault | None:
        return fate.choice(FAST) if fate.randrange(100) < FAULTS else None

    client = Client(running_bridge.api)
    with (
        FaultyProxy(running_bridge.url, choose) as proxy,
        small_worker(proxy.url, "w", "--in-flight", "8") as program,
    ):
        pid = program.process.pid
        wait_until(lambda: client.work() or client.done > TASKS / 5, LONG_S + TASKS)
        early = resident_bytes(pid), descriptors(pid)
        wait_until(client.work, LONG_S + TASKS)
        late = resident_bytes(pid), descriptors(pid)
        print(f"{proxy.steps}; bytes and descriptors: {early}, then {late}")
        assert "ERROR" not in program.printed
        assert "Traceback" not in program.printed
    assert late[0] < early[0] + 16 * 2**20
    # As many connections as tasks in flight, at most, come and go.
    assert late[1] <= early[1] + 8
    assert running_bridge.api.tasks() == []
