import asyncio
from contextlib import ExitStack, suppress

import pytest

from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.worker.slots import Slots


def limit_after(cores: int, network_s: float, compute_s: float) -> int:
    async def run() -> int:
        slots = Slots(cores)
        for _ in range(10):
            slots.observe(network_s, compute_s)
        return slots.limit

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("network_s", "compute_s", "limit"),
    [
        (0.0, 0.010, 4),  # no network: one that computes and one that waits, a core
        (0.004, 0.010, 5),
        (0.299, 0.020, 34),  # 100 ms of round trip, three calls: two cores finish 30 in that time
        (60.0, 0.001, 64),  # never more than 32 a core
    ],
)
def test_slots_cover_the_network(network_s: float, compute_s: float, limit: int) -> None:
    """Little's law, with a bound on what a kill may strand."""
    assert limit_after(2, network_s, compute_s) == limit


def test_a_loop_that_is_busy_is_not_taken_for_a_slow_network() -> None:
    """On many cores it asked for more and more tasks, each of which made it slower."""
    assert limit_after(64, 10.0, 0.03) == 512


def test_a_bridge_with_leases_gives_a_tenth_of_a_second_of_work_ahead() -> None:
    slots = Slots(2)
    slots.has_leases = True
    assert slots.limit == 4
    slots.observe(None, 0.010)
    assert slots.limit == 4 + 20
    slots.observe(0.004, 0.010)
    assert slots.limit == 4 + 21


def test_a_queue_at_the_bridge_asks_for_no_longer_queue() -> None:
    """The fastest of the newest tasks counts: what is above it is waiting, not distance."""

    async def run() -> tuple[int, int]:
        slots = Slots(2)
        slots.observe(0.009, 0.010)
        before = slots.limit
        for _ in range(20):
            slots.observe(0.199, 0.010)
        return before, slots.limit

    before, after = asyncio.run(run())
    assert before == after == 6


def test_a_network_that_became_slow_is_seen() -> None:
    """Old times are forgotten."""

    async def run() -> int:
        slots = Slots(2)
        slots.observe(0.009, 0.010)
        for _ in range(100):
            slots.observe(0.199, 0.010)
        return slots.limit

    assert asyncio.run(run()) == 44


def test_no_more_than_the_limit_at_once() -> None:
    """Whoever comes too late waits for a release."""

    async def run() -> None:
        slots, inside, most = Slots(2, fixed=3), 0, 0

        async def use() -> None:
            nonlocal inside, most
            await slots.acquire()
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            slots.release()

        await asyncio.gather(*(use() for _ in range(50)))
        assert most == 3
        assert inside == 0

    asyncio.run(run())


def test_of_the_free_slots_no_more_are_given_than_there_are() -> None:
    """None during a pause."""

    async def run() -> None:
        slots = Slots(2, fixed=5)
        await slots.acquire()
        assert [slots.acquire_free(3), slots.acquire_free(3), slots.acquire_free(3)] == [3, 1, 0]
        slots.release(4)
        slots.pause(10.0)
        assert slots.acquire_free(3) == 0
        slots.resume()
        assert slots.acquire_free(9) == 4

    run_in_virtual_time(run())


def test_a_task_that_waits_long_gives_its_slot_to_another() -> None:
    """Six slow downloads must not keep good tasks from being done."""

    async def run() -> None:
        slots = Slots(1)
        for _ in range(slots.limit):
            await slots.acquire()
        with slots.aside():
            start_s = asyncio.get_running_loop().time()
            await slots.acquire()
            assert asyncio.get_running_loop().time() - start_s == pytest.approx(1.0)
        slots.release()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slots.acquire(), 10.0)

    run_in_virtual_time(run())


def test_a_task_that_waits_shortly_keeps_its_slot() -> None:
    """Else every download would let one more task begin."""

    async def run() -> None:
        slots = Slots(1)
        for _ in range(slots.limit):
            await slots.acquire()
        with slots.aside(), pytest.raises(TimeoutError):
            await asyncio.wait_for(slots.acquire(), 0.9)

    run_in_virtual_time(run())


@pytest.mark.parametrize("fixed", [None, 2])
def test_not_all_tasks_may_stand_aside(fixed: int | None) -> None:
    """A kill strands no more than 32 a thread, or the number that was set."""

    async def run() -> int:
        slots, taken = Slots(1, fixed), 0
        with ExitStack() as waiting, suppress(TimeoutError):
            while True:
                await asyncio.wait_for(slots.acquire(), 10.0)
                waiting.enter_context(slots.aside())
                taken += 1
        return taken

    assert run_in_virtual_time(run()) == (fixed or 32)
