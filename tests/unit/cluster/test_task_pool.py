"""Pictures go to the actor with the least to do; what dies costs a retry.

The actors here are coroutines; tests/e2e/test_ray.py kills real ones.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from taskworker_classifyimage.cluster.pool_size import PoolSize
from taskworker_classifyimage.cluster.task_actor import Told
from taskworker_classifyimage.cluster.task_pool import TaskPool
from taskworker_classifyimage.errors import ClusterFailed, DecodersUnusable, Killed


class RayError(Exception):
    """What Ray raises for an actor that is dead."""


class Method:
    def __init__(self, call: Callable[..., Awaitable[object]]) -> None:
        self.remote = call


class Cluster:
    """Makes actors, of which each test says what becomes."""

    def __init__(self, least: int, most: int, *, most_each: int = 2) -> None:
        self.made = 0
        self.ended = 0
        self.does: Callable[[int, bytes], Awaitable[Told]] = self._answer
        self.start_problem: str | None = None
        ray: Any = SimpleNamespace(
            exceptions=SimpleNamespace(RayError=RayError), kill=lambda _handle: self._end()
        )
        self.pool = TaskPool(ray, self._make, PoolSize(1, 0.0, least, most), most_each)

    def _make(self) -> Any:
        number, self.made = self.made, self.made + 1

        async def start() -> str | None:
            return self.start_problem

        async def answer(_model: int, encoded: bytes, _sha256: str, **_more: bool) -> Told:
            return await self.does(number, encoded)

        return SimpleNamespace(start=Method(start), answer=Method(answer))

    def _end(self) -> None:
        self.ended += 1

    async def _answer(self, _number: int, _encoded: bytes) -> Told:
        return Told(None)

    async def ask(self, encoded: bytes = b"") -> Told:
        return await self.pool.answer(0, encoded, "", is_alone=False)


def test_a_dead_actor_costs_a_retry_and_is_replaced() -> None:
    async def run() -> None:
        cluster = Cluster(2, 2)
        asked: list[int] = []

        async def die_at_first(number: int, _encoded: bytes) -> Told:
            asked.append(number)
            if len(asked) == 1:
                raise RayError("it died")
            return Told(None)

        cluster.does = die_at_first
        await cluster.pool.start()
        assert await cluster.ask() == Told(None)
        assert len(set(asked)) == 2
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (cluster.pool.deaths, cluster.made, cluster.ended) == (1, 3, 1)
        cluster.pool.close()

    asyncio.run(run())


def test_a_picture_that_ends_every_actor_does_not_end_all() -> None:
    async def run() -> None:
        cluster = Cluster(1, 1)

        async def die_of_poison(_number: int, encoded: bytes) -> Told:
            if encoded == b"poison":
                raise RayError("it died")
            return Told(None)

        cluster.does = die_of_poison
        await cluster.pool.start()
        with pytest.raises(Killed, match="died one after another"):
            await cluster.ask(b"poison")
        assert await cluster.ask() == Told(None)
        cluster.pool.close()

    asyncio.run(run())


def test_a_node_that_cannot_classify_is_left_for_another_one() -> None:
    """An error that ends a worker of one machine does not end one of many."""

    async def run() -> None:
        cluster = Cluster(2, 2)

        async def fail_on_the_first(number: int, _encoded: bytes) -> Told:
            return Told(None, DecodersUnusable("no processes") if number == 0 else None)

        cluster.does = fail_on_the_first
        await cluster.pool.start()
        assert [await cluster.ask() for _ in range(4)] == [Told(None)] * 4
        cluster.pool.close()

    asyncio.run(run())


def test_there_are_as_many_actors_as_there_is_work_for() -> None:
    async def run() -> None:
        cluster = Cluster(1, 3, most_each=2)
        release = asyncio.Event()
        running: list[int] = []

        async def wait(number: int, _encoded: bytes) -> Told:
            running.append(number)
            await release.wait()
            return Told(None)

        cluster.does = wait
        await cluster.pool.start()
        asking = [asyncio.create_task(cluster.ask()) for _ in range(7)]
        for _ in range(100):
            await asyncio.sleep(0)
        # The seventh waits: each of three actors has two.
        assert sorted(running) == [0, 0, 1, 1, 2, 2]
        release.set()
        await asyncio.gather(*asking)
        assert cluster.made == 3
        cluster.pool.close()

    asyncio.run(run())


def test_actors_that_never_start_end_the_waiting_with_the_reason() -> None:
    async def run() -> None:
        cluster = Cluster(1, 1)
        cluster.start_problem = "the model is missing"
        with pytest.raises(ClusterFailed, match="no actor starts: the model is missing"):
            await cluster.pool.start()
        assert cluster.made == 3
        cluster.pool.close()

    asyncio.run(run())


def test_actors_without_work_are_ended_down_to_the_least_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool_module = "taskworker_classifyimage.cluster.task_pool"
    monkeypatch.setattr(f"{pool_module}._LOOK_S", 0.0)

    async def run() -> None:
        cluster = Cluster(1, 2, most_each=1)
        await cluster.pool.start()
        release = asyncio.Event()

        async def wait(_number: int, _encoded: bytes) -> Told:
            await release.wait()
            return Told(None)

        cluster.does = wait
        asking = [asyncio.create_task(cluster.ask()) for _ in range(2)]
        for _ in range(50):
            await asyncio.sleep(0)
        assert cluster.pool.count == 2
        monkeypatch.setattr(f"{pool_module}._IDLE_S", -1.0)
        release.set()
        await asyncio.gather(*asking)
        for _ in range(50):
            await asyncio.sleep(0)
        assert cluster.pool.count == 1
        assert cluster.ended == 1
        cluster.pool.close()

    asyncio.run(run())
