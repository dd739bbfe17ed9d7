"""What is said about a worker's health and readiness."""

import asyncio
from collections.abc import Iterator

import pytest

from support.memory_bridge import MemoryBridge, bridge_of
from support.pools import real_pool
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.figures.view import WorkerView
from taskworker_classifyimage.figures.work import WorkFigures
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.worker.slots import Slots


class Idle(Handler):
    """Has figures, and no tasks."""

    def __init__(self) -> None:
        self.figures = WorkFigures()


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    with real_pool(1) as entered:
        yield entered


class Parts:
    """The parts of a worker that takes tasks."""

    def __init__(self, pool: DecoderPool) -> None:
        self.client = MemoryBridge()
        self.bridge = bridge_of(self.client)
        self.handler = Idle()
        self.stop = asyncio.Event()
        self.view = WorkerView(self.bridge, self.handler, Slots(1), pool, self.stop)
        self.view.is_taking = True


def test_a_worker_that_asks_for_tasks_is_ready_until_it_stops(pool: DecoderPool) -> None:
    async def run() -> None:
        parts = Parts(pool)
        assert parts.view.why_unready() == "the bridge has not answered yet"
        await parts.bridge.take({})
        assert parts.view.why_unready() is None
        parts.stop.set()
        assert parts.view.why_unready() == "the worker is stopping"
        assert parts.view.why_unhealthy() is None

    run_in_virtual_time(run())


def test_a_worker_that_asks_no_more_is_not_ready(pool: DecoderPool) -> None:
    """It hangs; while it works on tasks that take long, it has nothing to ask."""

    async def run() -> None:
        parts = Parts(pool)
        await parts.bridge.take({})
        await asyncio.sleep(121.0)
        assert parts.view.why_unready() == "the bridge was not asked for a task for 121 s"
        parts.handler.figures.begin(Timing())
        assert parts.view.why_unready() is None

    run_in_virtual_time(run())


def test_decoders_that_nobody_watches_are_unhealthy(pool: DecoderPool) -> None:
    """A picture could occupy them for ever."""

    async def run() -> None:
        view = Parts(pool).view
        assert view.why_unhealthy() is None
        pool._closed.set()
        pool._watch.join()
        pool._closed.clear()
        assert view.why_unhealthy() == "nothing ends decoders that take too long"

    run_in_virtual_time(run())
