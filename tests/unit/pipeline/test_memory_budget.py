import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskworker_classifyimage.errors import TooLarge
from taskworker_classifyimage.pipeline.memory_budget import Hold, MemoryBudget

MIB = 2**20
TOTAL = 1024 * MIB
#: 128 MiB of the total are for files, the rest is for decoding.
DECODING = 896 * MIB


async def settle() -> None:
    """Lets all that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


class Holding:
    """Tasks that hold memory until they are told to end."""

    def __init__(self) -> None:
        self.budget = MemoryBudget(TOTAL)
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def file(self, name: str, size_bytes: int | None) -> None:
        """Asks for a file."""
        await self._start(name, self.budget.acquire_file(size_bytes))

    async def picture(self, name: str, size_bytes: int | None, file_bytes: int = 1) -> None:
        """Asks for memory to decode."""
        await self._start(name, self.budget.acquire_decoding(size_bytes, file_bytes))

    async def _start(self, name: str, acquire: Coroutine[None, None, Hold]) -> None:
        end = self._ends[name] = asyncio.Event()

        async def run() -> None:
            hold = await acquire
            try:
                self.begun.append(name)
                await end.wait()
            finally:
                hold.release()

        self._tasks[name] = asyncio.create_task(run())
        await settle()

    async def end(self, name: str) -> None:
        """Ends a task."""
        self._ends[name].set()
        await self._tasks[name]
        await settle()

    async def cancel(self, name: str) -> None:
        """Cancels a task."""
        self._tasks[name].cancel()
        await settle()


def run(scenario: Callable[[Holding], Coroutine[None, None, None]]) -> None:
    """Runs a scenario in an event loop."""

    async def main() -> None:
        holding = Holding()
        await scenario(holding)
        for task in holding._tasks.values():
            task.cancel()

    asyncio.run(main())


def test_what_does_not_fit_waits_and_small_ones_pass_by() -> None:
    """Eight bitmaps must not keep the thumbnails behind them from being done."""

    async def scenario(holding: Holding) -> None:
        await holding.picture("first", 500 * MIB)
        await holding.picture("second", 500 * MIB)
        await holding.picture("small", 10 * MIB)
        assert holding.begun == ["first", "small"]
        await holding.end("first")
        assert holding.begun == ["first", "small", "second"]

    run(scenario)


def test_an_ordinary_picture_does_not_pass_a_larger_one() -> None:
    """Or the larger one would wait for ever."""

    async def scenario(holding: Holding) -> None:
        for name in ("first", "second", "third"):
            await holding.picture(name, 650 * MIB if name == "second" else 300 * MIB)
        assert holding.begun == ["first"]
        await holding.end("first")
        assert holding.begun == ["first", "second"]

    run(scenario)


def test_a_picture_decodes_alone_if_it_needs_all_or_nobody_knows_what_it_needs() -> None:
    """What came before ends first, and what came later waits, small or not."""

    async def scenario(holding: Holding) -> None:
        await holding.picture("before", 10 * MIB)
        await holding.picture("alone", None)
        await holding.picture("later", 10 * MIB)
        assert holding.begun == ["before"]
        await holding.end("before")
        assert holding.begun == ["before", "alone"]
        await holding.end("alone")
        assert holding.begun == ["before", "alone", "later"]

    run(scenario)


def test_small_files_pass_a_file_that_waits() -> None:
    """Of the memory for files, a quarter is kept for small ones."""

    async def scenario(holding: Holding) -> None:
        await holding.file("first", 90 * MIB)
        await holding.file("second", 90 * MIB)
        await holding.file("small", 8 * MIB)
        assert holding.begun == ["first", "small"]
        await holding.end("first")
        assert holding.begun == ["first", "small", "second"]

    run(scenario)


def test_one_large_file_takes_its_memory_from_decoding() -> None:
    """Two would leave too little to decode either; ordinary ones go on beside it."""

    async def scenario(holding: Holding) -> None:
        await holding.file("large", 300 * MIB)
        await holding.file("next", 300 * MIB)
        await holding.file("ordinary", 50 * MIB)
        assert holding.begun == ["large", "ordinary"]
        await holding.picture("its picture", 590 * MIB, file_bytes=300 * MIB)
        await holding.picture("a picture", 500 * MIB)
        assert holding.begun == ["large", "ordinary", "its picture"]
        await holding.end("its picture")
        await holding.end("large")
        assert set(holding.begun[3:]) == {"next", "a picture"}

    run(scenario)


def test_a_picture_that_needs_the_large_files_memory_does_not_block_its_task() -> None:
    """The large file's own picture comes later in the queue and has to be decoded first."""

    async def scenario(holding: Holding) -> None:
        await holding.file("large", 300 * MIB)
        await holding.picture("too much for now", 700 * MIB)
        await holding.picture("its picture", 500 * MIB, file_bytes=300 * MIB)
        assert holding.begun == ["large", "its picture"]
        await holding.file("next", 300 * MIB)
        await holding.end("its picture")
        await holding.end("large")
        assert holding.begun[-1] == "too much for now"

    run(scenario)


def test_a_cancelled_task_leaves_no_gap() -> None:
    """Whether it waited or held memory."""

    async def scenario(holding: Holding) -> None:
        await holding.picture("first", 700 * MIB)
        await holding.picture("second", 700 * MIB)
        await holding.picture("third", 700 * MIB)
        await holding.cancel("second")
        await holding.cancel("first")
        assert holding.begun == ["first", "third"]

    run(scenario)


def test_what_can_never_fit_is_refused_with_the_figure() -> None:
    """A client can tell from it which machine its picture needs."""

    async def scenario(holding: Holding) -> None:
        budget = holding.budget
        with pytest.raises(TooLarge, match=r"decoding needs about 897 MiB .* 896 MiB are there"):
            await budget.acquire_decoding(DECODING + 1, 1)
        with pytest.raises(TooLarge, match="the file has 469762049 bytes"):
            await budget.acquire_file(448 * MIB + 1)
        await budget.acquire_file(448 * MIB)
        hold = await budget.acquire_decoding(None, 448 * MIB)
        assert (hold.size_bytes, hold.is_alone) == (448 * MIB, True)

    run(scenario)


@dataclass
class Ledger:
    """What random tasks hold at a moment."""

    held: int = 0
    alone: int = 0
    decoding: int = 0
    done: int = 0


SIZES = st.integers(1, DECODING // 2 // MIB).map(lambda mib: mib * MIB)
TASKS = st.lists(
    st.tuples(st.none() | SIZES, st.none() | st.integers(1, DECODING // MIB)),
    min_size=1,
    max_size=25,
)


@settings(deadline=None)
@given(tasks=TASKS, seed=st.integers(0, 2**32))
def test_every_task_has_its_turn_and_no_more_is_given_than_there_is(
    tasks: list[tuple[int | None, int | None]], seed: int
) -> None:
    """Whatever is asked for, in whatever order tasks end: no task waits for ever."""
    budget, ledger, order = MemoryBudget(TOTAL), Ledger(), random.Random(seed)

    async def pause() -> None:
        for _ in range(order.randrange(4)):
            await asyncio.sleep(0)

    async def task(file_bytes: int | None, picture_mib: int | None) -> None:
        await pause()
        held = budget.largest_file_bytes if file_bytes is None else file_bytes
        file = await budget.acquire_file(file_bytes)
        ledger.held += held
        await pause()
        most = budget.largest_picture_bytes(held)
        wanted = None if picture_mib is None else min(picture_mib * MIB, most)
        picture = await budget.acquire_decoding(wanted, held)
        ledger.held += picture.size_bytes
        ledger.decoding += 1
        ledger.alone += picture.is_alone
        assert ledger.held <= TOTAL
        assert not ledger.alone or ledger.decoding == 1
        await pause()
        ledger.alone -= picture.is_alone
        ledger.decoding -= 1
        ledger.held -= picture.size_bytes
        picture.release()
        ledger.held -= held
        file.release()
        ledger.done += 1

    async def main() -> None:
        running = [asyncio.create_task(task(*each)) for each in tasks]
        for _ in range(5000):
            if ledger.done == len(tasks):
                break
            await asyncio.sleep(0)
        for each in running:
            if each.done():
                each.result()
            each.cancel()

    asyncio.run(main())
    assert ledger.done == len(tasks)
