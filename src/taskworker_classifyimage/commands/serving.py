"""Serves a bridge with loaded models until a signal ends it.

`work` imports this while the decoders load their libraries.
"""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import open_bridge
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.commands.engine import Models
from taskworker_classifyimage.commands.monitors import metrics_port, monitors
from taskworker_classifyimage.figures.heartbeat import Heartbeat
from taskworker_classifyimage.figures.view import WorkerView
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.take import Taker, offers_of
from taskworker_classifyimage.pipeline.task_engine import TaskEngine
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults
from taskworker_classifyimage.sample import SAMPLE
from taskworker_classifyimage.settings.areas import WorkSettings
from taskworker_classifyimage.stopping import stop_on_signals, unless
from taskworker_classifyimage.tasks import TASK_TYPE, ClassifyRequest
from taskworker_classifyimage.words import counted
from taskworker_classifyimage.worker.own_name import wait_for_own_name
from taskworker_classifyimage.worker.rescue import Rescuer
from taskworker_classifyimage.worker.slots import Slots
from taskworker_classifyimage.worker.state import lock_state_folder
from taskworker_classifyimage.worker.systemd import Systemd
from taskworker_classifyimage.worker.worker import Worker

_log = logging.getLogger(__name__)


async def serve(
    settings: WorkSettings,
    address: BridgeAddress | None,
    models: Models,
    heartbeat: Heartbeat,
) -> None:
    """Takes tasks until a signal comes; ends the models.

    Args:
        settings: of the worker.
        address: of the bridge; None: an embedded one is run.
        models: answer the tasks.
        heartbeat: kept up while all is well.

    Raises:
        UserError: no task can be taken or done.
    """
    for each in models.loaded:
        # Others are read when a task asks for them.
        labels = labels_of(each.model)
        labels.names(labels.resolve(settings.language)[0])
    with stop_on_signals() as stop:
        try:
            if address is not None:
                await _work(settings, address, models, heartbeat, stop)
                return
            from taskworker_classifyimage.commands.bridge import embedded_bridge  # noqa: PLC0415 - else no server

            async with embedded_bridge(settings.bridge, stop) as own:
                if own is not None:
                    await _work(settings, own, models, heartbeat, stop)
        finally:
            models.close()


async def _work(
    settings: WorkSettings,
    address: BridgeAddress,
    models: Models,
    heartbeat: Heartbeat,
    stop: asyncio.Event,
) -> None:
    engines = await models.start()
    if settings.access.taskbridgeurl is None:
        await _show_sample(engines[0])
    loaded = (f"{each.model.name} ({each.library}) on {each.device}" for each in models.loaded)
    description = f"{', '.join(loaded)}, {counted(models.threads, 'thread')}"
    with lock_state_folder(
        settings.decoding.state_folder(), address.url, settings.worker
    ) as folder:
        async with open_bridge(address, settings.worker, TASK_TYPE) as bridge:
            handler = Handler(
                bridge,
                Reporter(bridge, UndeliveredResults(folder and folder / "results")),
                engines,
                settings.task_limit,
                always_provenance=settings.provenance,
                language=settings.language,
            )
            taker = Taker(bridge, offers_of(models.loaded))
            slots = Slots(models.threads, settings.in_flight)
            worker = Worker(bridge, handler, taker, slots)
            view = WorkerView(bridge, handler, slots, models.decoders, stop)
            _log.info("worker %r works for %s with %s", settings.worker, address.url, description)
            background = [
                *monitors(settings.monitoring, view, settings.worker),
                Systemd(os.environ).keep_notifying(worker.status, stop),
                heartbeat.keep_beating(view.why_unhealthy),
                *models.improve(lambda: bool(handler.figures.classified)),
            ]
            if settings.rescue_after is not None:
                clock = asyncio.get_running_loop().time
                background.append(Rescuer(bridge, settings.rescue_after, clock=clock).run())
            async with metrics_port(settings.monitoring, view), _in_background(background):
                await unless(stop, wait_for_own_name(bridge))
                if not stop.is_set():
                    if settings.access.taskbridgeurl is None:
                        _invite(address.url)
                    view.is_taking = True
                    await worker.run(stop)
    _log.info(
        "stopped; %d classified, %d of them seen before; %d failed",
        handler.figures.classified,
        handler.cache_hits,
        handler.figures.failed,
    )


@asynccontextmanager
async def _in_background(coroutines: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Runs coroutines in the background until the block ends."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _show_sample(engine: TaskEngine) -> None:
    """Classifies the sample picture and prints the result as a client gets it."""
    encoded, timing = SAMPLE.read_bytes(), Timing()
    answer = await engine.answer(encoded, await engine.hash(encoded), timing)
    timing.end()
    duration_s = sum(timing.seconds.values())
    result = engine.engine.result(answer, ClassifyRequest(top=3), duration_s)
    shown = json.dumps(result, indent=2, ensure_ascii=False)
    print(f"A picture of an espresso, classified:\n{shown}\n", flush=True)


def _invite(url: str) -> None:
    """The last lines of the start: where people go on."""
    print(f"\nReady. Open {url}/ in a browser and drop pictures there.")
    print("Stop with Ctrl-C.", flush=True)
