"""The worker's side of leases: it renews what it works on, and names its take when it reports."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.clock import Clock
from support.in_process import BridgeOnFolder, serving
from support.memory_bridge import MemoryBridge, StoredTask
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.leases import Leases
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.server import Clocks
from taskworker_classifyimage.errors import BridgeRejected

LEASE_S = 60.0


@pytest.fixture
def clock() -> Clock:
    """The only clock: for the bridge's leases and for the client's renewals."""
    return Clock()


@pytest.fixture
def bridge(tmp_path: Path, clock: Clock) -> Iterator[BridgeOnFolder]:
    with serving(tmp_path, Limits(lease_s=LEASE_S), clocks=Clocks(monotonic=clock)) as served:
        yield served


def with_client(
    bridge: BridgeOnFolder, clock: Clock, use: Callable[[BridgeClient], Awaitable[None]]
) -> None:
    async def run() -> None:
        async with BridgeClient(BridgeAddress.parse(bridge.url)) as client:
            client.leases = Leases(clock=clock)
            await use(client)

    asyncio.run(run())


async def take(client: BridgeClient) -> str:
    [task] = await client.take("t", "w", {})
    return task.id


@asynccontextmanager
async def keeping(client: BridgeClient, *task_ids: str) -> AsyncIterator[asyncio.Task[None]]:
    keeper = asyncio.create_task(Bridge(client, "w", "t").keep_leases(lambda: task_ids))
    yield keeper
    assert not keeper.done()
    keeper.cancel()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - neither side has an event
            await asyncio.sleep(0.02)


async def until_status(client: BridgeClient, task_id: str, status: str) -> None:
    async def has_status() -> bool:
        return await client.status(task_id) == status

    await until(has_status)


async def until_renewed(client: BridgeClient, task_id: str) -> None:
    async def is_renewed() -> bool:
        return client.leases.due({task_id}) == []

    await until(is_renewed)


# What is remembered


def test_a_lease_is_due_after_a_third_and_again_after_each_renewal() -> None:
    clock = Clock()
    leases = Leases(clock=clock)
    leases.note("a", {"attempt": 1, "lease": 60}, is_new=True)
    dues = []
    for pause_s in (0.0, 19.0, 1.0, 1.0, 19.0):
        clock.now_s += pause_s
        dues.append(leases.due({"a"}))
        for task_id in dues[-1]:
            leases.note_renewal(task_id)
    assert dues == [[], [], ["a"], [], ["a"]]


def test_what_could_not_be_renewed_stays_due() -> None:
    """Until the next third the bridge may be back, and then away again."""
    clock = Clock()
    leases = Leases(clock=clock)
    leases.note("a", {"attempt": 1, "lease": 60}, is_new=True)
    clock.now_s += 20.0
    assert leases.due({"a"}) == ["a"]
    clock.now_s += 1.0
    assert leases.due({"a"}) == ["a"]


def test_the_lease_of_an_earlier_run_is_due_at_once() -> None:
    leases = Leases(clock=Clock())
    leases.note("a", {"attempt": 1, "lease": 60}, is_new=False)
    assert leases.due({"a"}) == ["a"]
    leases.note_renewal("a")
    assert leases.due({"a"}) == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"attempt": 1},
        {"lease": 60},
        {"attempt": "1", "lease": 60},
        {"attempt": 1, "lease": "60"},
        {"attempt": 1, "lease": 0},
        {"attempt": 1, "lease": 10**400},
        {"attempt": None, "lease": None},
    ],
)
def test_an_answer_without_a_proper_lease_is_none(answer: dict[str, Any]) -> None:
    """Whatever another server may have under these keys."""
    leases = Leases(clock=Clock())
    leases.note("a", answer, is_new=False)
    assert leases.as_json("a") == {}
    assert leases.due({"a"}) == []


def test_what_is_in_hand_no_more_is_forgotten() -> None:
    leases = Leases(clock=Clock())
    leases.note("a", {"attempt": 3, "lease": 60}, is_new=False)
    assert leases.as_json("a") == {"attempt": 3}
    assert leases.due(set()) == []
    assert leases.as_json("a") == {}


# What the bridge sees


def test_a_task_in_hand_stays_ours_and_one_that_is_not_opens_again(
    bridge: BridgeOnFolder, clock: Clock
) -> None:
    for _ in range(2):
        bridge.add()

    async def use(client: BridgeClient) -> None:
        kept, dropped = await take(client), await take(client)
        async with keeping(client, kept):
            clock.now_s += 25.0
            await until_renewed(client, kept)
            clock.now_s += 40.0
            await until_status(client, dropped, "open")
            await until_renewed(client, kept)
            assert await client.status(kept) == "inprogress"
        clock.now_s += LEASE_S
        await until_status(client, kept, "open")

    with_client(bridge, clock, use)


def test_a_task_of_an_earlier_run_is_kept_once_its_details_are_known(
    bridge: BridgeOnFolder, clock: Clock
) -> None:
    task_id = bridge.add()

    async def take_and_end(client: BridgeClient) -> None:
        await take(client)

    async def use(client: BridgeClient) -> None:
        clock.now_s += 50.0
        await client.details(task_id)
        async with keeping(client, task_id):
            await until_renewed(client, task_id)
            clock.now_s += 15.0
            await until_renewed(client, task_id)
            assert await client.status(task_id) == "inprogress"
            await client.complete(task_id, {"a": 1})

    with_client(bridge, clock, take_and_end)
    with_client(bridge, clock, use)
    assert bridge.get("tasks/statistics/").json() == {"t": 1}


def test_a_late_report_does_not_overwrite_what_somebody_else_works_on(
    bridge: BridgeOnFolder, clock: Clock
) -> None:
    task_id = bridge.add()

    async def use(client: BridgeClient) -> None:
        assert await take(client) == task_id
        clock.now_s += LEASE_S
        await until_status(client, task_id, "open")
        assert bridge.take() == task_id
        with pytest.raises(BridgeRejected) as caught:
            await client.complete(task_id, {"late": 1})
        assert caught.value.status == 409

    with_client(bridge, clock, use)
    assert bridge.listed()[0]["status"] == "inprogress"


def test_a_lost_lease_is_told_once_and_not_renewed_again(
    bridge: BridgeOnFolder, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    task_id = bridge.add()

    async def use(client: BridgeClient) -> None:
        await take(client)
        await client.restart(task_id)
        async with keeping(client, task_id):
            clock.now_s += 25.0
            await until_renewed(client, task_id)
            clock.now_s += 1e6
            assert client.leases.due({task_id}) == []

    with_client(bridge, clock, use)
    assert caplog.text.count("is lost") == 1


def test_a_bridge_that_is_away_ends_no_keeping() -> None:
    """It is called again and again, at a pause."""
    client = MemoryBridge(a=StoredTask(status="inprogress", worker="w"))
    client.is_up = False

    async def use() -> None:
        client.leases = Leases(clock=asyncio.get_running_loop().time)
        client.leases.note("a", {"attempt": 1, "lease": LEASE_S}, is_new=True)
        async with keeping(client, "a"):
            await asyncio.sleep(LEASE_S)
        assert client.calls.count("renew") > 10

    run_in_virtual_time(use())
