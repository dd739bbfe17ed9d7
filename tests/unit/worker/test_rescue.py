"""Finding and reopening stuck tasks, on bridges that tell nonsense about them."""

import asyncio
from typing import Any

import pytest

from support.clock import Clock
from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from taskworker_classifyimage.errors import BridgeRejected, TooLarge
from taskworker_classifyimage.worker.rescue import Begun, Rescuer, begun_tasks

STUCK = {"id": "a", "type": "classifyimage", "status": "inprogress", "worker": "dead"}
NO_NUMBERS = [10**400, float("nan"), float("inf"), -float("inf"), "soon", [], None]


def begun(task: dict[str, Any], *workers: dict[str, Any]) -> Begun:
    [found] = begun_tasks([task], workers, "classifyimage", now_s=1000.0)
    return found


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_times_that_are_no_numbers_make_no_task_old(odd: object) -> None:
    """Nor do they end the program that asked."""
    task = begun({**STUCK, "startedat": odd, "progress": []})
    assert task.age_s == 0.0
    assert hash(task.fingerprint)


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_a_worker_without_a_valid_time_is_one_that_the_bridge_does_not_know(odd: object) -> None:
    """A value that is no finite number says nothing."""
    task = begun({**STUCK, "startedat": 0}, {"name": "dead", "lastping": odd})
    assert task.age_s == 1000.0
    assert task.silent_s == float("inf")


def test_a_task_with_far_too_large_data_is_reopened_too() -> None:
    """Only its next worker has to read them."""

    class LargeData(MemoryBridge):
        async def details(self, _task_id: str) -> dict[str, Any]:
            raise TooLarge("the task's data are too large")

    bridge = LargeData(a=StoredTask(status="inprogress", worker="dead"))
    assert asyncio.run(bridge.reopen("a", "dead"))
    assert bridge.tasks_by_id["a"].status == "open"


def rescue_twice(bridge: MemoryBridge, pause_s: float) -> None:
    """Two checks, ten minutes being too long."""
    clock = Clock()
    rescuer = Rescuer(bridge_of(bridge), after_s=600.0, clock=clock)

    async def check_twice() -> None:
        await rescuer.check()
        clock.now_s += pause_s
        await rescuer.check()

    asyncio.run(check_twice())


@pytest.mark.parametrize(
    ("pause_s", "lastping_ms", "status"),
    [
        (600.0, 600_000, "open"),
        (599.0, 600_000, "inprogress"),  # we have not watched it for long enough
        (600.0, 599_000, "inprogress"),  # its worker was heard
    ],
)
def test_what_does_not_move_while_its_worker_is_silent_is_reopened(
    pause_s: float, lastping_ms: int, status: str
) -> None:
    """Only what this worker has seen itself counts, since clocks of bridges may be wrong."""
    bridge = MemoryBridge(a=StoredTask(status="inprogress", worker="dead"))
    bridge.workers_listed = [{"name": "dead", "lastping": lastping_ms}]
    rescue_twice(bridge, pause_s)
    assert bridge.tasks_by_id["a"].status == status


def test_our_own_tasks_are_not_reopened() -> None:
    """This worker resumes them itself."""
    bridge = MemoryBridge(a=StoredTask(status="inprogress", worker="w"))
    rescue_twice(bridge, 600.0)
    assert bridge.tasks_by_id["a"].status == "inprogress"


def test_a_task_that_is_removed_meanwhile_does_not_stop_the_others() -> None:
    """Its reopening is refused; the next one goes on."""
    bridge = MemoryBridge(
        a=StoredTask(status="inprogress", worker="dead"),
        b=StoredTask(status="inprogress", worker="dead"),
    )
    bridge.fail("restart", BridgeRejected("no such task", 404))
    rescue_twice(bridge, 600.0)
    assert [task.status for task in bridge.tasks_by_id.values()] == ["inprogress", "open"]
