import asyncio
import logging
import re

import pytest

from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable


class Bridge:
    """Answers, or does not, as it is told; notes when it was called."""

    def __init__(self) -> None:
        self.is_up = True
        self.retry_after_s = 0.0
        self.calls_s: list[float] = []

    async def call(self) -> str:
        self.calls_s.append(asyncio.get_running_loop().time())
        was_up = self.is_up
        await asyncio.sleep(0)
        if not was_up:
            raise BridgeUnavailable("it is down", self.retry_after_s)
        return "answer"


def test_a_bridge_that_answers_is_asked_once() -> None:
    """No wait and no second call where nothing is wrong."""
    bridge = Bridge()
    assert run_in_virtual_time(Outage("http://x").call_until_answered(bridge.call)) == "answer"
    assert len(bridge.calls_s) == 1


def test_many_calls_wait_for_one_that_probes(caplog: pytest.LogCaptureFixture) -> None:
    """50 tasks in flight cost a dead bridge a few requests, and the log one line each way."""
    bridge = Bridge()
    bridge.is_up = False
    down_calls = 0

    async def wait() -> list[str]:
        nonlocal down_calls
        outage = Outage("http://x")
        waiting = [asyncio.create_task(outage.call_until_answered(bridge.call)) for _ in range(50)]
        await asyncio.sleep(1.2)
        assert outage.is_down
        down_calls, bridge.is_up = len(bridge.calls_s), True
        return await asyncio.gather(*waiting)

    with caplog.at_level(logging.INFO, logger="taskworker_classifyimage"):
        assert run_in_virtual_time(wait()) == ["answer"] * 50
    # Each finds out once for itself; from then on one of them probes.
    assert 50 < down_calls <= 50 + 5
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "it is down" in messages[0]
    assert "is back" in messages[1]


def test_one_failure_is_no_outage_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    """In a bad network each hundredth call may fail; the log is for what lasts."""
    bridge = Bridge()

    async def fail_once() -> None:
        outage = Outage("http://x")
        bridge.is_up = False
        with pytest.raises(BridgeUnavailable):
            await outage.call(bridge.call)
        bridge.is_up = True
        assert await outage.call_until_answered(bridge.call) == "answer"
        assert not outage.is_down

    with caplog.at_level(logging.INFO, logger="taskworker_classifyimage"):
        run_in_virtual_time(fail_once())
    assert caplog.records == []


def test_the_first_retry_after_is_honoured() -> None:
    """A bridge that says when to come back is not asked before."""
    bridge = Bridge()
    bridge.is_up, bridge.retry_after_s = False, 1.0

    async def ask() -> None:
        outage = Outage("http://x")
        with pytest.raises(BridgeUnavailable):
            await outage.call(bridge.call)
        bridge.is_up = True
        assert await outage.call_until_answered(bridge.call) == "answer"

    run_in_virtual_time(ask())
    assert bridge.calls_s[1] - bridge.calls_s[0] >= 1.0


def test_an_answer_to_an_older_call_ends_no_outage() -> None:
    """A long download that began in good times tells nothing of the bridge that asked for peace."""
    bridge = Bridge()

    async def ask() -> None:
        outage, released = Outage("http://x"), asyncio.Event()

        async def slow() -> str:
            await released.wait()
            return "late"

        download = asyncio.create_task(outage.call(slow))
        await asyncio.sleep(0)
        bridge.is_up = False
        with pytest.raises(BridgeUnavailable):
            await outage.call(bridge.call)
        released.set()
        assert await download == "late"
        assert outage.is_down

    run_in_virtual_time(ask())


def test_a_refusal_is_not_an_outage() -> None:
    """A bridge that says no is there."""

    async def refuse() -> None:
        raise BridgeRejected("no", 404)

    async def ask() -> None:
        outage = Outage("http://x")
        with pytest.raises(BridgeRejected):
            await outage.call_until_answered(refuse)
        assert not outage.is_down

    run_in_virtual_time(ask())


def test_a_limit_ends_what_takes_too_long() -> None:
    """While the bridge is there its time is the task's."""

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with Outage("http://x").limit(0.05):
                await asyncio.sleep(30)

    run_in_virtual_time(work())


def test_an_outage_that_lasts_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """After ten minutes, an hour and six hours: a wrong address is no idle night."""

    async def refuse() -> str:
        raise BridgeUnavailable("nobody is there")

    async def work() -> None:
        outage = Outage("http://x")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(14 * 3600):
                await outage.call_until_answered(refuse)

    run_in_virtual_time(work())
    told = [re.search(r"unavailable for (\d+) min", each.getMessage()) for each in caplog.records]
    assert told[0] is None
    minutes = [int(each[1]) for each in told[1:] if each is not None]
    assert minutes == pytest.approx([10, 70, 430, 790], abs=2)


def test_a_clock_that_was_stopped_goes_on_where_it_was() -> None:
    """Downloads and waiting for memory are not the task's time, in an outage or not."""

    async def work() -> None:
        outage = Outage("http://x")

        async def task() -> None:
            async with outage.limit(1.0) as limit:
                await asyncio.sleep(0.5)
                with limit.stopped():
                    await asyncio.sleep(30)
                    with limit.stopped():
                        await asyncio.sleep(30)
                    await asyncio.sleep(30)
                await asyncio.sleep(0.6)

        with pytest.raises(TimeoutError):
            await task()
        assert asyncio.get_running_loop().time() == pytest.approx(90 + 1.0)

    run_in_virtual_time(work())


def test_the_time_of_an_outage_is_not_the_tasks() -> None:
    """What waits for a bridge has not used up its time when the bridge is back; then it does."""
    bridge = Bridge()

    async def work() -> None:
        outage = Outage("http://x")

        async def task() -> str:
            async with outage.limit(0.2):
                await outage.call_until_answered(bridge.call)
                await outage.call_until_answered(bridge.call)
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    done.append("was long enough in the outage")
                    raise
            return ""

        done: list[str] = []
        bridge.is_up, bridge.retry_after_s = False, 1.0
        working = asyncio.create_task(task())
        await asyncio.sleep(0.6)
        assert not working.done()
        bridge.is_up = True
        with pytest.raises(TimeoutError):
            await working
        assert done == ["was long enough in the outage"]

    run_in_virtual_time(work())
