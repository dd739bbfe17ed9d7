"""Finding and reopening stuck tasks, on bridges that tell nonsense about them."""

import asyncio
from typing import Any, cast

import pytest

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.errors import TooLarge
from taskworker_classifyimage.worker.rescue import Begun, begun_tasks, reopen

STUCK = {"id": "a", "type": "classifyimage", "status": "inprogress", "worker": "dead"}
NO_NUMBERS = [10**400, float("nan"), float("inf"), -float("inf"), "soon", [], None]


class Bridge:
    """Shows one task; its details are too large to be read."""

    now_s = 1000.0

    def __init__(self, task: dict[str, Any], worker: dict[str, Any] | None = None) -> None:
        self._task = task
        self._worker = worker
        self.reopened: list[str] = []

    async def workers(self) -> list[dict[str, Any]]:
        return [] if self._worker is None else [self._worker]

    async def tasks(self) -> list[dict[str, Any]]:
        return [self._task]

    async def details(self, _task_id: str) -> dict[str, Any]:
        raise TooLarge("the task's data are too large")

    async def status(self, _task_id: str) -> str:
        return str(self._task["status"])

    async def restart(self, task_id: str) -> None:
        self.reopened.append(task_id)


def begun(bridge: Bridge) -> Begun:
    [task] = asyncio.run(begun_tasks(cast("BridgeClient", bridge), "classifyimage"))
    return task


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_times_that_are_none_make_no_task_old(odd: object) -> None:
    """Nor do they end the program that asked."""
    task = begun(Bridge({**STUCK, "startedat": odd, "progress": []}))
    assert task.age_s == 0.0
    assert hash(task.fingerprint)


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_a_worker_that_was_heard_at_no_time_is_one_that_the_bridge_does_not_know(
    odd: object,
) -> None:
    """What cannot be reckoned with says nothing."""
    task = begun(Bridge({**STUCK, "startedat": 0}, {"name": "dead", "lastping": odd}))
    assert task.age_s == 1000.0
    assert task.silent_s == float("inf")


def test_a_task_with_far_too_large_data_is_reopened_too() -> None:
    """Nobody but its next worker has to read them."""
    bridge = Bridge(STUCK)
    assert asyncio.run(reopen(cast("BridgeClient", bridge), begun(bridge)))
    assert bridge.reopened == ["a"]
