import asyncio
import logging

import pytest

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable
from taskworker_classifyimage.taskbridge.outage import Outage


class Bridge:
    """Answers, or does not, as it is told; counts the calls."""

    def __init__(self) -> None:
        self.is_up = True
        self.calls = 0

    async def call(self) -> str:
        self.calls += 1
        await asyncio.sleep(0)
        if not self.is_up:
            raise BridgeUnavailable("it is down")
        return "answer"


def test_a_bridge_that_answers_is_asked_once() -> None:
    """No wait and no second call where nothing is wrong."""
    bridge = Bridge()
    assert asyncio.run(Outage("http://x").outlast(bridge.call)) == "answer"
    assert bridge.calls == 1


def test_many_calls_wait_for_one_that_knocks(caplog: pytest.LogCaptureFixture) -> None:
    """50 tasks in flight cost a dead bridge a few requests, and the log one line each way."""
    bridge = Bridge()
    bridge.is_up = False
    down_calls = 0

    async def outlast() -> list[str]:
        nonlocal down_calls
        outage = Outage("http://x")
        waiting = [asyncio.create_task(outage.outlast(bridge.call)) for _ in range(50)]
        await asyncio.sleep(1.2)
        assert outage.is_down
        down_calls, bridge.is_up = bridge.calls, True
        return await asyncio.gather(*waiting)

    with caplog.at_level(logging.INFO, logger="taskworker_classifyimage"):
        assert asyncio.run(outlast()) == ["answer"] * 50
    # Each finds out once for itself; from then on one of them knocks.
    assert down_calls <= 50 + 5
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "it is down" in messages[0]
    assert "is back" in messages[1]


def test_a_refusal_is_not_an_outage() -> None:
    """A bridge that says no is there."""

    async def refuse() -> None:
        raise BridgeRejected("no", 404)

    async def ask() -> None:
        outage = Outage("http://x")
        with pytest.raises(BridgeRejected):
            await outage.outlast(refuse)
        assert not outage.is_down

    asyncio.run(ask())
