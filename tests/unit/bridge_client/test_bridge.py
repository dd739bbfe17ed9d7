"""Calls through a bridge that goes, returns, refuses and lies, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TaskGone

T = TypeVar("T")

DOWN = BridgeUnavailable("it is down")


def ours(**fields: object) -> StoredTask:
    return StoredTask(status="inprogress", worker="w", **fields)  # type: ignore[arg-type]


def use(client: MemoryBridge, call: Callable[[Bridge], Awaitable[T]]) -> T:
    async def run() -> T:
        return await call(bridge_of(client))

    return run_in_virtual_time(run())


def test_a_download_outlasts_an_outage() -> None:
    """Small calls find out whether the bridge is back, not one that may take minutes."""
    client = MemoryBridge(a=ours(file=b"picture"))
    client.fail("file", DOWN)
    client.fail("status", DOWN, DOWN)
    assert use(client, lambda bridge: bridge.file("a", 10)) == b"picture"
    assert client.calls == ["file", "status", "status", "status", "file"]


def test_a_download_that_never_works_is_given_up() -> None:
    """The bridge answers everything else, so waiting longer would not help."""
    client = MemoryBridge(a=ours(file=b"picture"))
    client.fail("file", *[DOWN] * 100)
    with pytest.raises(BridgeUnavailable):
        use(client, lambda bridge: bridge.file("a", 10))
    assert client.calls.count("file") == 10


@pytest.mark.parametrize("status", ["open", "completed"])
def test_a_download_ends_with_its_task(status: str) -> None:
    """A client reopened the task, or another worker completed it."""
    client = MemoryBridge(a=StoredTask(status=status))
    with pytest.raises(TaskGone, match=status):
        use(client, lambda bridge: bridge.file("a", 10))


def test_a_task_without_a_file_is_not_a_removed_one() -> None:
    """Both are a 404 to the download; the status tells them apart."""
    with pytest.raises(BridgeRejected):
        use(MemoryBridge(a=ours()), lambda bridge: bridge.file("a", 10))
    with pytest.raises(TaskGone, match="removed"):
        use(MemoryBridge(), lambda bridge: bridge.file("a", 10))


def test_data_of_a_task_are_those_of_its_client() -> None:
    client = MemoryBridge(a=ours(data={"targetlanguage": "de"}))
    assert use(client, lambda bridge: bridge.data("a")) == {"targetlanguage": "de"}


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (StoredTask(status="inprogress", worker="v"), "with another worker"),
        (StoredTask(), "open"),
        (None, "removed"),
    ],
)
def test_data_of_a_task_that_is_not_ours_are_refused(task: StoredTask | None, words: str) -> None:
    """It would be done twice."""
    client = MemoryBridge() if task is None else MemoryBridge(a=task)
    with pytest.raises(TaskGone, match=words):
        use(client, lambda bridge: bridge.data("a"))


def test_a_report_whose_answer_is_lost_is_not_repeated() -> None:
    """The bridge completed the task; only we do not know."""
    client = MemoryBridge(a=ours())
    client.fail("answer to complete", DOWN)

    async def report(bridge: Bridge) -> None:
        assert not await bridge.complete("a", {"n": 1})
        await bridge.complete_again("a", {"n": 1})

    use(client, report)
    assert client.calls.count("complete") == 1
    assert client.tasks_by_id["a"].result == {"n": 1}


def test_a_report_is_repeated_until_it_arrives() -> None:
    """However often the bridge fails in between."""
    client = MemoryBridge(a=ours())
    client.fail("complete", *[DOWN] * 30)
    use(client, lambda bridge: bridge.complete_again("a", {"n": 1}))
    assert client.tasks_by_id["a"].result == {"n": 1}


@pytest.mark.parametrize(
    ("status", "words"), [(404, "removed"), (409, "its lease ended and another worker has it")]
)
def test_a_refused_report_tells_what_became_of_the_task(status: int, words: str) -> None:
    client = MemoryBridge(a=ours())
    client.fail("complete", BridgeRejected("no", status))
    with pytest.raises(TaskGone, match=words):
        use(client, lambda bridge: bridge.complete("a", {}))


def test_a_refused_result_is_told_to_the_caller() -> None:
    """A bridge that accepts no such result will not do so later."""
    client = MemoryBridge(a=ours())
    client.fail("complete", BridgeRejected("too large", 413))
    with pytest.raises(BridgeRejected, match="too large"):
        use(client, lambda bridge: bridge.complete("a", {}))


def test_only_what_is_ours_is_handed_back() -> None:
    """A task whose report arrived after all, or that another worker has, stays as it is."""
    client = MemoryBridge(
        a=ours(), b=StoredTask(status="completed"), c=StoredTask(status="inprogress", worker="v")
    )

    async def hand_back(bridge: Bridge) -> list[bool]:
        return [await bridge.hand_back(task_id) for task_id in "abc"]

    assert use(client, hand_back) == [True, False, False]
    assert [task.status for task in client.tasks_by_id.values()] == [
        "open",
        "completed",
        "inprogress",
    ]


def test_the_time_of_an_outage_does_not_count() -> None:
    """A task's limit is for its own work."""
    client = MemoryBridge(a=ours(file=b"picture"))

    async def fetch_while_down(bridge: Bridge) -> bytes:
        loop = asyncio.get_running_loop()
        client.is_up = False
        loop.call_later(3600.0, setattr, client, "is_up", True)
        async with bridge.limit(10.0):
            return await bridge.file("a", 10)

    assert use(client, fetch_while_down) == b"picture"
