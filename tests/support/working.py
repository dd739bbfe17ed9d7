"""A worker inside of this process, in an event loop of its own thread, with a fast network."""

import asyncio
import io
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path

from PIL import Image

from support.packs import IDS
from support.pools import real_pool
from support.waiting import LONG_S
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.connection import CallLimits
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.figures.view import WorkerView
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.take import Taker
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.tasks import TASK_TYPE
from taskworker_classifyimage.worker.slots import Slots
from taskworker_classifyimage.worker.worker import Worker


def coloured_picture(source: random.Random) -> tuple[str, bytes]:
    """A small picture unlike all others, and the id that `colour_network` has for it."""
    shades = [source.randrange(100) for _ in IDS]
    best = source.randrange(len(IDS))
    shades[best] += 150
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shades[0], shades[1], shades[2])).save(buffer, "BMP")
    return IDS[best], buffer.getvalue() + source.randbytes(8)


async def download(client: BridgeClient, task_id: str, limit_bytes: int) -> bytes:
    """The file of a task, in one try."""
    return await client.file(task_id, client.transfer(task_id, limit_bytes))


@contextmanager
def working(
    url: str,
    classifiers: Sequence[Classifier],
    *,
    name: str = "w",
    calls: CallLimits | None = None,
    task_limit_s: float = 600.0,
    results: Path | None = None,
    in_flight: int | None = None,
    patience_s: float = 60.0,
    memory_bytes: int = 2**30,
    pool: DecoderPool | None = None,
    watch: Callable[[WorkerView], AbstractAsyncContextManager[object]] = nullcontext,
) -> Iterator[Worker]:
    """Runs a worker until the block ends, which it has to do in an orderly way.

    `pool`: the decoders, else real ones; `watch`: entered on the worker's loop while it runs.
    """
    ready: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, Worker]] = []
    started = threading.Event()

    async def work() -> None:
        stop = asyncio.Event()
        with pool or real_pool() as decoders, ThreadPoolExecutor(2) as compute:
            async with BridgeClient(BridgeAddress.parse(url), calls) as client:
                bridge = Bridge(client, name, TASK_TYPE)
                reporter = Reporter(bridge, UndeliveredResults(results), patience_s=patience_s)
                budget = MemoryBudget(memory_bytes)
                engines = [
                    ConcurrentEngine(Engine(each, decoders), compute, budget)
                    for each in classifiers
                ]
                handler = Handler(bridge, reporter, engines, task_limit_s)
                slots = Slots(2, in_flight)
                worker = Worker(bridge, handler, Taker(bridge), slots)
                view = WorkerView(bridge, handler, slots, decoders, stop)
                view.is_taking = True
                async with watch(view):
                    ready.append((asyncio.get_running_loop(), stop, worker))
                    started.set()
                    await worker.run(stop)

    with ThreadPoolExecutor(1) as executor:
        ended = executor.submit(asyncio.run, work())
        assert started.wait(LONG_S)
        loop, stop, worker = ready[0]
        try:
            yield worker
        finally:
            loop.call_soon_threadsafe(stop.set)
            ended.result(LONG_S)
