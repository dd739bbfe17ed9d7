"""A bridge that gives several tasks at once and takes several results, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import pytest

from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TaskGone, TooLarge

T = TypeVar("T")


def embedded(**tasks: StoredTask) -> MemoryBridge:
    client = MemoryBridge(**tasks)
    client.is_embedded = True
    return client


def ours() -> StoredTask:
    return StoredTask(status="inprogress", worker="w", file=b"file")


def use(client: MemoryBridge, call: Callable[[Bridge], Awaitable[T]]) -> T:
    async def run() -> T:
        return await call(bridge_of(client))

    return run_in_virtual_time(run())


class Room:
    """Room for a file from the second time that it is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def take_now(self, size_bytes: int | None) -> bool:
        self.asked += 1
        return self.asked > 1

    async def take(self, size_bytes: int | None) -> None:
        await asyncio.sleep(1.0)

    def reading(self) -> AbstractContextManager[None]:
        return nullcontext()


def test_a_file_that_came_with_its_task_is_not_fetched() -> None:
    client = embedded(a=StoredTask(file=b"A"), b=StoredTask(file=b"B"))

    async def work(bridge: Bridge) -> list[bytes]:
        assert bridge.most_tasks > 1
        assert await bridge.take({}, most=2) == [("a", None), ("b", None)]
        return [await bridge.file("b", 10), await bridge.file("a", 10)]

    assert use(client, work) == [b"B", b"A"]
    assert client.calls.count("file") == 0


def test_a_file_for_which_there_is_no_memory_is_fetched_later() -> None:
    """It came without being asked for, so it must not wait in memory."""
    client = embedded(a=StoredTask(file=b"A"))

    async def work(bridge: Bridge) -> bytes:
        await bridge.take({})
        return await bridge.file("a", 10, Room())

    assert use(client, work) == b"A"
    assert client.calls.count("file") == 1


def test_a_file_over_the_limit_is_refused_as_ever() -> None:
    client = embedded(a=StoredTask(file=b"1234567890"))

    async def work(bridge: Bridge) -> bytes:
        await bridge.take({})
        return await bridge.file("a", 9)

    with pytest.raises(TooLarge):
        use(client, work)


def test_takes_ask_for_no_more_than_some_megabytes_of_files() -> None:
    """However many are under way, and however many files have not been fetched from here yet."""
    size = 2**17
    client = embedded(**{f"t{number}": StoredTask(file=bytes(size)) for number in range(160)})

    async def work(bridge: Bridge) -> int:
        takes = [bridge.take({}, most=32) for _ in range(5)]
        taken = [task_id for part in await asyncio.gather(*takes) for task_id, _ in part]
        for task_id in taken:
            await bridge.file(task_id, size)
        return len(taken)

    assert use(client, work) == 160
    assert client.calls.count("file") == 32


def test_files_of_tasks_that_are_not_in_hand_are_forgotten() -> None:
    """A task may end before its file is asked for, as one whose data are invalid."""
    client = embedded(a=StoredTask(file=b"A"), b=StoredTask(file=b"B"))

    async def work(bridge: Bridge) -> None:
        await bridge.take({}, most=2)
        keeping = asyncio.create_task(bridge.keep_leases(lambda: {"b"}))
        await asyncio.sleep(1.0)
        keeping.cancel()
        await bridge.file("a", 10)
        await bridge.file("b", 10)

    use(client, work)
    assert client.calls.count("file") == 1


async def report(bridge: Bridge, *task_ids: str) -> list[object]:
    """Reports results at the same time; what each came to."""
    keeping = asyncio.create_task(bridge.keep_leases(lambda: [*map(str, range(60))]))
    await asyncio.sleep(0)
    reports = (bridge.complete(each, {"of": each}) for each in task_ids)
    outcomes = await asyncio.gather(*reports, return_exceptions=True)
    keeping.cancel()
    return list(outcomes)


def test_results_go_together_and_each_has_its_own_outcome() -> None:
    client = embedded(a=ours(), b=ours(), c=ours())
    client.refusals = {"b": 409}
    good, lost, removed, also_good = use(client, lambda bridge: report(bridge, *"abxc"))
    assert (good, also_good) == (True, True)
    assert isinstance(lost, TaskGone)
    assert isinstance(removed, TaskGone)
    assert client.calls == ["complete_all", "answer to complete_all"]
    assert client.tasks_by_id["c"].result == {"of": "c"}


def test_a_result_that_is_refused_stops_no_other() -> None:
    """The whole call is refused, so each result goes alone."""
    client = embedded(a=ours(), b=ours())
    client.fail("complete_all", BridgeRejected("bad JSON", 400))
    client.fail("complete", BridgeRejected("bad JSON", 400))
    refused, accepted = use(client, lambda bridge: report(bridge, "a", "b"))
    assert isinstance(refused, BridgeRejected)
    assert accepted is True


def test_a_large_result_goes_alone() -> None:
    client = embedded(a=ours())
    result: dict[str, object] = {"text": "x" * 2**20}
    assert use(client, lambda bridge: bridge.complete("a", result))
    assert client.calls == ["complete", "answer to complete"]


def test_results_whose_answer_is_lost_are_not_sent_twice() -> None:
    client = embedded(a=ours(), b=ours())
    client.fail("answer to complete_all", BridgeUnavailable("cut"))

    async def work(bridge: Bridge) -> None:
        assert await report(bridge, "a", "b") == [False, False]
        for each in "ab":
            await bridge.complete_again(each, {"of": each})

    use(client, work)
    assert client.calls.count("complete_all") == 1
    assert client.calls.count("complete") == 0
