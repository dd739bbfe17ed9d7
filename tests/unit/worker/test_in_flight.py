"""Tasks in their slots: begun at once, ended once, never lost."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import pytest

from support.logged import lines_in, logged
from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.errors import DeviceFailed, MachineShort, TaskLeft
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.memory_budget import Waits
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.tasks import Task
from taskworker_classifyimage.worker.in_flight import InFlight
from taskworker_classifyimage.worker.recovery import Recovery
from taskworker_classifyimage.worker.slots import Slots


class Handling(Handler):
    """Handles a task as the test says, and remembers which."""

    def __init__(self, how: Callable[[Task], Awaitable[bool]]) -> None:
        self.handled: list[Task] = []
        self._how = how

    async def handle(self, task: Task, timing: Timing, aside: Waits = nullcontext) -> bool:
        self.handled.append(task)
        return await self._how(task)


class Parts:
    def __init__(self, how: Callable[[Task], Awaitable[bool]]) -> None:
        self.handler = Handling(how)
        self.slots = Slots(1, fixed=2)
        self.client = MemoryBridge(a=StoredTask(status="inprogress", worker="w"))
        bridge = bridge_of(self.client)
        self.recovery = Recovery(bridge, clock=asyncio.get_running_loop().time)
        self.in_flight = InFlight(bridge, self.handler, self.slots, self.recovery)

    async def begin(self, *task_ids: str) -> None:
        for task_id in task_ids:
            await self.slots.acquire()
            self.in_flight.begin(Task(task_id), take_s=0.1)


async def take_a_second(_task: Task) -> bool:
    await asyncio.sleep(1.0)
    return True


async def hang(_task: Task) -> bool:
    await asyncio.sleep(1e6)
    return False


def test_a_third_task_waits_for_one_of_two_slots() -> None:
    async def run() -> None:
        parts = Parts(take_a_second)
        await parts.begin("a", "b")
        assert parts.in_flight.ids() == {"a", "b"}
        await parts.begin("c")
        assert parts.in_flight.ids() == {"c"}
        assert asyncio.get_running_loop().time() == pytest.approx(1.0)
        assert await parts.in_flight.end(10.0) == set()

    run_in_virtual_time(run())


def test_the_same_task_twice_is_done_one_after_the_other() -> None:
    """The second time the bridge is asked whether anything is left to do."""

    async def run() -> None:
        parts = Parts(take_a_second)
        await parts.begin("a", "a")
        await parts.in_flight.end(10.0)
        assert [task.is_resumed for task in parts.handler.handled] == [False, True]
        assert asyncio.get_running_loop().time() == pytest.approx(2.0)

    run_in_virtual_time(run())


def test_what_does_not_end_in_time_is_cut_off_and_named() -> None:
    async def run() -> None:
        parts = Parts(hang)
        await parts.begin("a", "b")
        assert await parts.in_flight.end(5.0) == {"a", "b"}
        assert parts.in_flight.ids() == set()
        await parts.begin("c", "d")

    run_in_virtual_time(run())


def test_an_operators_error_is_told_and_its_task_is_unanswered() -> None:
    async def fail(_task: Task) -> bool:
        raise DeviceFailed("the GPU is gone")

    async def run() -> None:
        parts = Parts(fail)
        await parts.begin("a")
        assert str(await parts.in_flight.fault()) == "the GPU is gone"
        assert await parts.in_flight.end(5.0) == {"a"}

    run_in_virtual_time(run())


@pytest.mark.parametrize("error", [TaskLeft("later"), ZeroDivisionError("a fault")])
def test_a_task_that_is_left_is_a_reason_to_look_later(error: Exception) -> None:
    async def fail(_task: Task) -> bool:
        raise error

    async def run() -> None:
        parts = Parts(fail)
        await parts.recovery.look(set())
        assert parts.recovery._due_s == float("inf")
        await parts.begin("a")
        assert await parts.in_flight.end(5.0) == set()
        assert parts.recovery._due_s < float("inf")

    run_in_virtual_time(run())


def test_a_shortage_of_the_machine_hands_the_task_back_and_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No slot is given meanwhile, for longer each time; one line names what is short."""

    async def fail(_task: Task) -> bool:
        raise MachineShort("file descriptors")

    async def run() -> None:
        parts, loop = Parts(fail), asyncio.get_running_loop()
        for pause_s in (1.0, 2.0, 4.0):
            await parts.begin("a")
            assert await parts.in_flight.end(5.0) == set()
            assert parts.client.tasks_by_id["a"].status == "open"
            parts.client.tasks_by_id["a"].status = "inprogress"
            start_s = loop.time()
            await parts.slots.acquire()
            assert loop.time() - start_s == pytest.approx(pause_s)
            parts.slots.release()

    run_in_virtual_time(run())
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert [line.count("short of file descriptors") for line in warned] == [1] * 3


def test_every_line_about_a_task_has_its_id_step_and_seconds() -> None:
    """Whoever writes it: this module, and those that it calls."""

    async def fail(task: Task) -> bool:
        if task.id == "a":
            raise MachineShort("memory")
        raise {"b": TaskLeft("later"), "c": ZeroDivisionError("a fault")}[task.id]

    async def run() -> None:
        parts = Parts(fail)
        parts.client.tasks_by_id |= {"b": StoredTask(), "c": StoredTask()}
        await parts.begin("a", "b")
        await parts.in_flight.end(5.0)
        parts.slots.resume()
        await parts.begin("c")
        await parts.in_flight.end(5.0)

    with logged("json") as stream:
        run_in_virtual_time(run())
    lines = list(map(json.loads, lines_in(stream)))
    about = [line for line in lines if line["message"].startswith("task ")]
    assert {line["task"] for line in about} == {"a", "b", "c"}
    assert {line["step"] for line in about} <= {"fetch", "hand_back"}
    assert [line for line in about if not 0 <= line["seconds"] < 1000] == []
