"""Results that go together, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.bridge_client.reports import MOST_BYTES, MOST_RESULTS, Reports
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable


class Bridge:
    """Takes reports and answers each with its length.

    Attributes:
        calls: when each came, and what it brought.
        problem: what the next calls raise.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[float, list[bytes]]] = []
        self.problem: Exception | None = None

    async def send(self, reports: Sequence[bytes]) -> list[int]:
        self.calls.append((asyncio.get_running_loop().time(), list(reports)))
        await asyncio.sleep(0.1)
        if self.problem is not None:
            raise self.problem
        return [len(report) for report in reports]

    @property
    def sizes(self) -> list[int]:
        return [len(reports) for _, reports in self.calls]


def use(work: Callable[[Reports, Bridge], Awaitable[None]]) -> Bridge:
    bridge = Bridge()

    async def run() -> None:
        await work(Reports(bridge.send), bridge)

    run_in_virtual_time(run())
    return bridge


def test_results_that_finish_soon_after_each_other_go_together() -> None:
    """Every 5 ms one, of 60 in hand: eight go in each call, though a call takes 100 ms."""

    async def work(reports: Reports, _: Bridge) -> None:
        async def finish(number: int) -> None:
            await asyncio.sleep(0.0051 * number)
            assert await reports.deliver(b"x" * number, in_hand=60) == number

        await asyncio.gather(*map(finish, range(1, 41)))

    bridge = use(work)
    assert bridge.sizes[0] == 1
    assert set(bridge.sizes[1:-1]) == {7, 8}
    assert sum(bridge.sizes) == 40


@pytest.mark.parametrize("in_hand", [0, 1, 5])
def test_of_few_tasks_in_hand_no_result_waits(in_hand: int) -> None:
    """A client that waits for one answer before it sends the next picture gets it at once."""

    async def work(reports: Reports, _bridge: Bridge) -> None:
        for _ in range(3):
            await reports.deliver(b"x", in_hand)

    bridge = use(work)
    begun_s = bridge.calls[0][0]
    assert [at_s - begun_s for at_s, _ in bridge.calls] == pytest.approx([0.0, 0.1, 0.2])


def test_no_call_brings_more_than_a_bridge_takes() -> None:
    async def work(reports: Reports, _: Bridge) -> None:
        small = [reports.deliver(b"x", 1000) for _ in range(2 * MOST_RESULTS)]
        await asyncio.gather(*small)
        large = [reports.deliver(bytes(MOST_BYTES // 2), 1000) for _ in range(5)]
        await asyncio.gather(*large)

    bridge = use(work)
    assert bridge.sizes == [MOST_RESULTS, MOST_RESULTS, 2, 2, 1]


def test_an_outage_is_told_to_everybody() -> None:
    async def work(reports: Reports, bridge: Bridge) -> None:
        bridge.problem = BridgeUnavailable("it is down")
        waiting = [reports.deliver(b"x", 60) for _ in range(5)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, BridgeUnavailable) for each in outcomes)

    use(work)


def test_a_refused_call_says_nothing_about_any_result_of_it() -> None:
    async def work(reports: Reports, bridge: Bridge) -> None:
        bridge.problem = BridgeRejected("bad JSON", 400)
        assert await asyncio.gather(*(reports.deliver(b"x", 60) for _ in range(5))) == [None] * 5

    use(work)


def test_the_result_of_a_task_that_is_given_up_is_not_sent() -> None:
    """It is handed back meanwhile."""

    async def work(reports: Reports, bridge: Bridge) -> None:
        await reports.deliver(b"first", 60)
        waiting = asyncio.create_task(reports.deliver(b"second", 60))
        other = asyncio.create_task(reports.deliver(b"third", 60))
        await asyncio.sleep(0)
        waiting.cancel()
        await other
        assert [reports for _, reports in bridge.calls] == [[b"first"], [b"third"]]

    use(work)
