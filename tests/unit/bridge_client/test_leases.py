"""The worker's side of leases: it renews what it works on, and names its take when it reports."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.clock import Clock
from support.in_process import BridgeOnFolder, serving
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.lease_keeper import keep_leases
from taskworker_classifyimage.bridge_client.leases import Leases
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.errors import BridgeRejected

#: Long enough for a slow machine to renew in time, short enough to be waited for.
LEASE_S = 1.5


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[BridgeOnFolder]:
    with serving(tmp_path, Limits(lease_s=LEASE_S)) as served:
        yield served


def with_client(bridge: BridgeOnFolder, use: Callable[[BridgeClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with BridgeClient(BridgeAddress.parse(bridge.url)) as client:
            await use(client)

    asyncio.run(run())


async def taken(client: BridgeClient) -> str:
    task = await client.take("t", "w", {})
    assert task is not None
    return task[0]


async def until(client: BridgeClient, task_id: str, status: str) -> None:
    async with asyncio.timeout(30):
        while await client.status(task_id) != status:  # noqa: ASYNC110 - the bridge has no event
            await asyncio.sleep(0.05)


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


def test_the_lease_of_an_earlier_life_is_due_at_once() -> None:
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


def test_a_task_in_hand_stays_ours_and_one_that_is_not_opens_again(bridge: BridgeOnFolder) -> None:
    for _ in range(2):
        bridge.add()

    async def use(client: BridgeClient) -> None:
        kept, dropped = await taken(client), await taken(client)
        keeping = asyncio.create_task(keep_leases(client, Outage(client.url), lambda: {kept}))
        await until(client, dropped, "open")
        assert await client.status(kept) == "inprogress"
        keeping.cancel()
        await until(client, kept, "open")

    with_client(bridge, use)


def test_a_task_that_an_earlier_life_took_is_kept_once_its_details_are_known(
    bridge: BridgeOnFolder,
) -> None:
    task_id = bridge.add()
    with_client(bridge, lambda client: client.take("t", "w", {}))  # type: ignore[arg-type, return-value]

    async def use(client: BridgeClient) -> None:
        await client.details(task_id)
        keeping = asyncio.create_task(keep_leases(client, Outage(client.url), lambda: {task_id}))
        await asyncio.sleep(2 * LEASE_S)
        assert await client.status(task_id) == "inprogress"
        await client.complete(task_id, {"a": 1})
        keeping.cancel()

    with_client(bridge, use)
    assert bridge.get("tasks/statistics/").json() == {"t": 1}


def test_a_late_report_does_not_overwrite_what_somebody_else_works_on(
    bridge: BridgeOnFolder,
) -> None:
    task_id = bridge.add()

    async def use(client: BridgeClient) -> None:
        assert await taken(client) == task_id
        await until(client, task_id, "open")
        assert bridge.take() == task_id
        with pytest.raises(BridgeRejected) as caught:
            await client.complete(task_id, {"late": 1})
        assert caught.value.status == 409

    with_client(bridge, use)
    assert bridge.listed()[0]["status"] == "inprogress"


def test_a_lost_lease_is_told_once_and_not_renewed_again(
    bridge: BridgeOnFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    task_id = bridge.add()

    async def use(client: BridgeClient) -> None:
        await taken(client)
        await client.restart(task_id)
        keeping = asyncio.create_task(keep_leases(client, Outage(client.url), lambda: {task_id}))
        await asyncio.sleep(LEASE_S)
        assert not keeping.done()
        keeping.cancel()

    with_client(bridge, use)
    assert caplog.text.count("is lost") == 1


def test_a_bridge_that_is_away_ends_no_keeping(tmp_path: Path) -> None:
    async def use(client: BridgeClient, server: BridgeOnFolder) -> None:
        server.add()
        task_id = await taken(client)
        # From now on nobody is there.
        client._connection._address = BridgeAddress("http://127.0.0.1:9")
        keeping = asyncio.create_task(keep_leases(client, Outage(client.url), lambda: {task_id}))
        await asyncio.sleep(LEASE_S)
        assert not keeping.done()
        keeping.cancel()

    with serving(tmp_path, Limits(lease_s=LEASE_S)) as server:
        with_client(server, lambda client: use(client, server))
