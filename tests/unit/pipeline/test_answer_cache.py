import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from taskworker_classifyimage.errors import DamagedPicture
from taskworker_classifyimage.pipeline.answer_cache import AnswerCache
from taskworker_classifyimage.pipeline.engine import sha256_of


def always(_answer: float) -> bool:
    return True


class Model:
    """Counts how often it is asked; fails while it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails = False

    async def compute(self) -> float:
        self.calls += 1
        answer = float(self.calls)
        await asyncio.sleep(0.01)
        if self.fails:
            raise DamagedPicture("the picture is damaged")
        return answer


def test_the_same_content_is_computed_once() -> None:
    """In flight together or one after the other: one inference, the same answer, hits counted."""

    async def run() -> None:
        cache, model = AnswerCache[float](always), Model()
        together = await asyncio.gather(*(cache.get("a", model.compute) for _ in range(20)))
        later = await cache.get("a", model.compute)
        assert model.calls == 1
        assert all(answer is later for answer in together)
        assert cache.hits == 20

    asyncio.run(run())


def test_different_content_is_told_apart() -> None:
    """One changed byte is another picture."""
    assert sha256_of(b"picture") != sha256_of(b"picturE")

    async def run() -> None:
        cache, model = AnswerCache[float](always), Model()
        first = await cache.get("a", model.compute)
        second = await cache.get("b", model.compute)
        assert (model.calls, cache.hits) == (2, 0)
        assert first != second

    asyncio.run(run())


def test_a_failure_is_told_and_not_kept() -> None:
    """Whoever waited for the one that failed computes itself; later there may be an answer."""

    async def run() -> None:
        cache, model = AnswerCache[float](always), Model()
        model.fails = True
        answers = await asyncio.gather(
            *(cache.get("a", model.compute) for _ in range(3)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [DamagedPicture] * 3
        model.fails = False
        await cache.get("a", model.compute)
        assert cache.hits == 0

    asyncio.run(run())


def test_one_that_is_cancelled_leaves_the_others_their_answer() -> None:
    """A stop cuts off a task; its twins in flight are not left waiting."""

    async def run() -> None:
        cache, model = AnswerCache[float](always), Model()
        first = asyncio.create_task(cache.get("a", model.compute))
        twin = asyncio.create_task(cache.get("a", model.compute))
        await asyncio.sleep(0)
        first.cancel()
        assert await twin == 2.0
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(run())


def test_an_answer_that_is_no_longer_valid_is_computed_again() -> None:
    """As when the decoder that had a part in it was replaced."""

    async def run() -> None:
        model, invalid = Model(), set[float]()
        cache = AnswerCache[float](lambda answer: answer not in invalid)
        first = await cache.get("a", model.compute)
        invalid.add(first)
        assert await cache.get("a", model.compute) != first
        assert (model.calls, cache.hits) == (2, 0)

    asyncio.run(run())


def test_no_more_than_so_many_are_kept() -> None:
    """Memory is bounded; what was used last stays."""

    async def run() -> None:
        cache, model = AnswerCache[float](always, size=2), Model()
        for key in ("a", "b", "a", "c"):
            await cache.get(key, model.compute)
        assert (model.calls, cache.hits) == (3, 1)
        await cache.get("a", model.compute)
        assert cache.hits == 2
        await cache.get("b", model.compute)
        assert cache.hits == 2

    asyncio.run(run())


def test_of_several_threads_only_one_computes() -> None:
    """The others get its answer, however long it takes."""
    cache, begun, may_end, calls = (
        AnswerCache[float](always),
        threading.Event(),
        threading.Event(),
        [],
    )

    def compute() -> float:
        calls.append(1)
        begun.set()
        assert may_end.wait(60)
        return 0.5

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(cache.get_on_thread, "a", compute)
        assert begun.wait(60)
        others = [threads.submit(cache.get_on_thread, "a", compute) for _ in range(3)]
        may_end.set()
        assert [each.result() for each in (first, *others)] == [0.5] * 4
    assert (len(calls), cache.hits, cache.misses) == (1, 3, 1)


def test_a_thread_that_fails_leaves_the_work_to_another() -> None:
    """Its error is its own; nobody waits for ever."""
    cache, begun, may_end = AnswerCache[float](always), threading.Event(), threading.Event()

    def fail() -> float:
        begun.set()
        assert may_end.wait(60)
        raise DamagedPicture("the picture is damaged")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.get_on_thread, "a", fail)
        assert begun.wait(60)
        second = threads.submit(cache.get_on_thread, "a", lambda: 0.5)
        may_end.set()
        with pytest.raises(DamagedPicture):
            first.result()
        assert second.result() == 0.5
