"""The worker's loop against a bridge in memory, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.several import Taken
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    DecodersUnusable,
    UserError,
)
from taskworker_classifyimage.figures.work import WorkFigures
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.memory_budget import Waits
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.take import Taker
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults
from taskworker_classifyimage.tasks import Task
from taskworker_classifyimage.worker.slots import Slots
from taskworker_classifyimage.worker.worker import Worker

Work = Callable[[Task], Awaitable[None]]


class Reporting(Handler):
    """Answers each task after some work, without a model."""

    def __init__(self, bridge: Bridge, work: Work, results: Path | None) -> None:
        self._bridge = bridge
        self._work = work
        self._engines = {}
        self._reporter = Reporter(bridge, UndeliveredResults(results))
        self.figures = WorkFigures()

    async def handle(self, task: Task, timing: Timing, aside: Waits = nullcontext) -> bool:
        await self._work(task)
        await self._bridge.complete(task.id, {"resumed": task.is_resumed})
        timing.seconds |= {"fetch": 0.1, "decode": 1.0}
        self.figures.end(timing, "classified")
        return not task.is_resumed


async def take_a_second(_task: Task) -> None:
    await asyncio.sleep(1.0)


async def hang(_task: Task) -> None:
    await asyncio.sleep(1e6)


def run_for(
    seconds: float,
    client: MemoryBridge,
    work: Work = take_a_second,
    results: Path | None = None,
    in_flight: int | None = None,
) -> Worker:
    """Runs a worker, stops it after some (virtual) seconds and waits for its end."""

    async def run() -> Worker:
        bridge = bridge_of(client)
        worker = Worker(
            bridge, Reporting(bridge, work, results), Taker(bridge), Slots(2, in_flight)
        )
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await worker.run(stop)
        assert worker.in_hand() == set()
        return worker

    return run_in_virtual_time(run())


def open_tasks(count: int) -> MemoryBridge:
    return MemoryBridge(**{f"t{number}": StoredTask() for number in range(count)})


def statuses(client: MemoryBridge) -> set[str]:
    return {task.status for task in client.tasks_by_id.values()}


def test_every_open_task_is_taken_and_completed() -> None:
    client = open_tasks(50)
    worker = run_for(60.0, client)
    assert statuses(client) == {"completed"}
    assert worker.status() == "0 in flight, 50 classified, 0 failed"


def test_several_tasks_are_taken_and_reported_at_once() -> None:
    """As many as there are slots, and no more; fewer than were asked for cost no slot."""
    client = open_tasks(50)
    client.is_embedded = True
    worker = run_for(60.0, client)
    assert statuses(client) == {"completed"}
    assert worker.status() == "0 in flight, 50 classified, 0 failed"
    assert client.calls.count("complete") == 0
    # The first take gets one for each slot, the others what became free.
    assert client.calls.count("answer to take") <= 25


def test_few_takes_of_several_are_under_way_at_once() -> None:
    """What one more could get, these can get as well."""
    most = 0

    class Slow(MemoryBridge):
        async def take(self, *given: Any, **more: Any) -> list[Taken]:
            nonlocal most
            under_way.append(1)
            most = max(most, len(under_way))
            await asyncio.sleep(0.3)
            under_way.pop()
            return await super().take(*given, **more)

    under_way: list[int] = []
    client = Slow(**{f"t{number}": StoredTask() for number in range(400)})
    client.is_embedded = True

    async def work(task: Task) -> None:
        await asyncio.sleep(0.01 * int(task.id[1:]) % 0.7)

    run_for(300.0, client, work, in_flight=40)
    assert statuses(client) == {"completed"}
    assert most == 4


def test_an_idle_worker_asks_four_times_a_second() -> None:
    """Often enough to be quick, seldom enough to cost nothing."""
    client = MemoryBridge()
    run_for(60.0, client)
    assert 200 <= client.calls.count("take") <= 245


def test_what_an_earlier_run_left_is_resumed_first() -> None:
    client = MemoryBridge(
        old=StoredTask(status="inprogress", worker="w"),
        others=StoredTask(status="inprogress", worker="v"),
        new=StoredTask(),
    )
    run_for(60.0, client)
    assert client.tasks_by_id["old"].result == {"resumed": True}
    assert client.tasks_by_id["new"].result == {"resumed": False}
    assert client.tasks_by_id["others"].status == "inprogress"


def test_a_take_whose_answer_is_lost_is_found() -> None:
    """The bridge gave us a task, and we never heard of it."""
    client = open_tasks(3)
    client.fail("answer to take", BridgeUnavailable("cut"))
    run_for(60.0, client)
    assert statuses(client) == {"completed"}


def test_a_stop_lets_begun_tasks_finish_and_takes_no_more() -> None:
    client = open_tasks(100)
    run_for(2.5, client)
    assert statuses(client) == {"completed", "open"}


def test_a_stop_hands_back_what_does_not_finish() -> None:
    client = open_tasks(100)
    run_for(2.5, client, hang)
    assert statuses(client) == {"open"}
    assert client.calls.count("restart") > 0


def test_a_stop_while_the_bridge_is_away_does_not_wait_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = open_tasks(100)

    async def lose_the_bridge(_task: Task) -> None:
        client.is_up = False
        await asyncio.sleep(1e6)

    run_for(60.0, client, lose_the_bridge)
    assert "could not be handed back" in caplog.text


def test_an_operators_error_hands_everything_back_and_ends_the_worker() -> None:
    client = open_tasks(100)

    async def fail(_task: Task) -> None:
        await asyncio.sleep(1.0)
        raise DecodersUnusable("no decoder starts")

    with pytest.raises(UserError, match="no decoder starts"):
        run_for(60.0, client, fail)
    assert statuses(client) == {"open"}


def test_a_minute_of_work_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """An idle minute is none."""
    caplog.set_level("INFO")
    run_for(250.0, open_tasks(300))
    lines = [record.getMessage() for record in caplog.records if "60 s" in record.getMessage()]
    assert len(lines) == 2
    assert "pictures classified" in lines[0]


@pytest.mark.parametrize(("is_listed", "kept"), [(True, 0), (False, 1)])
def test_kept_results_are_dropped_only_when_their_tasks_are_known(
    tmp_path: Path, is_listed: bool, kept: int
) -> None:
    """A bridge that refuses its list says nothing about which tasks are still ours."""
    client = open_tasks(1)
    if not is_listed:
        client.fail("tasks", BridgeRejected("no", 405))
    run_in_virtual_time(UndeliveredResults(tmp_path).keep("gone", {}))
    run_for(5.0, client, results=tmp_path)
    assert statuses(client) == {"completed"}
    assert len(list(tmp_path.iterdir())) == kept
