"""Delivering results to a bridge that is away, refuses or forgets, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    TaskGone,
    TaskLeft,
)
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults

RESULT: dict[str, object] = {"n": 1}


@pytest.fixture
def client() -> MemoryBridge:
    return MemoryBridge(a=StoredTask(status="inprogress", worker="w"))


def report(
    client: MemoryBridge,
    folder: Path | None,
    call: Callable[[Reporter], Awaitable[None]] = lambda reporter: reporter.report("a", RESULT),
) -> None:
    async def run() -> None:
        await call(Reporter(bridge_of(client), UndeliveredResults(folder)))

    run_in_virtual_time(run())


def test_a_result_that_arrives_at_once_never_touches_the_disk(
    client: MemoryBridge, tmp_path: Path
) -> None:
    report(client, tmp_path / "results")
    assert client.tasks_by_id["a"].result == RESULT
    assert not (tmp_path / "results").exists()


def test_a_result_is_on_disk_while_the_bridge_is_away(client: MemoryBridge, tmp_path: Path) -> None:
    """A kill in the outage would lose nothing; afterwards nothing is left over."""
    seen: list[int] = []
    client.is_up = False

    async def report_in_outage(reporter: Reporter) -> None:
        def come_back() -> None:
            seen.append(len(list(tmp_path.glob("*.json"))))
            client.is_up = True

        asyncio.get_running_loop().call_later(3600.0, come_back)
        await reporter.report("a", RESULT)

    report(client, tmp_path, report_in_outage)
    assert seen == [1]
    assert client.tasks_by_id["a"].result == RESULT
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_a_working_bridge_never_accepts_gives_its_slot_away(
    client: MemoryBridge, tmp_path: Path
) -> None:
    """It stays on disk, for a later try."""
    client.fail("complete", *[BridgeUnavailable("no")] * 1000)
    with pytest.raises(TaskLeft):
        report(client, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_disk_a_result_waits_in_its_slot(client: MemoryBridge) -> None:
    """There is nowhere else to keep it, however long that takes."""
    client.fail("complete", *[BridgeUnavailable("no")] * 300)
    report(client, None)
    assert client.tasks_by_id["a"].result == RESULT


@pytest.mark.parametrize("err", [BridgeRejected("gone", 404), BridgeRejected("too large", 413)])
def test_a_result_that_can_never_arrive_is_not_kept(
    client: MemoryBridge, tmp_path: Path, err: BridgeRejected
) -> None:
    """Its task was removed, or the bridge refuses the result."""
    client.fail("complete", BridgeUnavailable("once"), err)
    with pytest.raises((TaskGone, BridgeRejected)):
        report(client, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_kept_result_that_had_arrived_is_dropped(client: MemoryBridge, tmp_path: Path) -> None:
    """An earlier run was killed between the bridge's answer and its own note."""
    client.tasks_by_id["a"].status = "completed"

    async def report_kept(reporter: Reporter) -> None:
        await reporter.undelivered.keep("a", RESULT)
        await reporter.report("a", RESULT, is_kept=True)

    report(client, tmp_path, report_kept)
    assert "complete" not in client.calls
    assert list(tmp_path.iterdir()) == []
