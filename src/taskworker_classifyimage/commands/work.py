"""`work`: takes pictures from a bridge, own or remote, classifies them and reports results."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import open_bridge
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.classify.loader import load_classifiers
from taskworker_classifyimage.commands.monitors import metrics_port, monitors
from taskworker_classifyimage.commands.parts import decoder_pool, model_options
from taskworker_classifyimage.figures.heartbeat import Heartbeat
from taskworker_classifyimage.figures.view import WorkerView
from taskworker_classifyimage.local.files import classify_file
from taskworker_classifyimage.machine import picture_memory_bytes, return_freed_memory
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.take import Taker, offers_of
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults
from taskworker_classifyimage.sample import SAMPLE
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.settings.areas import WorkSettings
from taskworker_classifyimage.stopping import exit_on_sigterm, stop_on_signals, unless
from taskworker_classifyimage.tasks import TASK_TYPE, ClassifyRequest
from taskworker_classifyimage.words import counted
from taskworker_classifyimage.worker.own_name import wait_for_own_name
from taskworker_classifyimage.worker.rescue import Rescuer
from taskworker_classifyimage.worker.slots import Slots
from taskworker_classifyimage.worker.state import lock_state_folder
from taskworker_classifyimage.worker.systemd import Systemd
from taskworker_classifyimage.worker.worker import Worker

_log = logging.getLogger(__name__)


def run(settings: WorkSettings = WorkSettings()) -> None:
    """Works until a signal ends it."""
    settings.general.set_up_logging("info")
    exit_on_sigterm()
    return_freed_memory()
    # A model may take a minute to load.
    heartbeat = Heartbeat(settings.monitoring.heartbeat)
    heartbeat.beat()
    # Everything is checked first: a worker that cannot classify must not take a task.
    address, models = settings.access.address(), settings.models
    with decoder_pool(settings.decoding) as decoders:
        # Decoder processes start while the models load.
        options = model_options(models.files, models.preprocessing)
        classifiers = load_classifiers(models.model, models.device, options)
        for classifier in classifiers:
            # Others are read when a task asks for them.
            labels = labels_of(classifier.model)
            labels.names(labels.resolve(settings.language)[0])
        decoders.start()
        asyncio.run(_serve(settings, address, classifiers, decoders, heartbeat))


async def _serve(
    settings: WorkSettings,
    address: BridgeAddress | None,
    classifiers: Sequence[Classifier],
    decoders: DecoderPool,
    heartbeat: Heartbeat,
) -> None:
    with stop_on_signals() as stop:
        if address is not None:
            await _work(settings, address, classifiers, decoders, heartbeat, stop)
            return
        from taskworker_classifyimage.commands.bridge import embedded_bridge  # noqa: PLC0415 - else no server

        async with embedded_bridge(settings.bridge, stop) as own:
            if own is not None:
                _show_sample(Engine(classifiers[0], decoders))
                await _work(settings, own, classifiers, decoders, heartbeat, stop)


async def _work(
    settings: WorkSettings,
    address: BridgeAddress,
    classifiers: Sequence[Classifier],
    decoders: DecoderPool,
    heartbeat: Heartbeat,
    stop: asyncio.Event,
) -> None:
    # One more than the device needs, as one thread usually waits for a decoder process.
    threads = 1 + max(classifier.threads for classifier in classifiers)
    models = (f"{each.model.name} ({each.library}) on {each.device}" for each in classifiers)
    description = f"{', '.join(models)}, {counted(threads, 'thread')}"
    compute = ThreadPoolExecutor(threads, thread_name_prefix="compute")
    # Measured when all is up, so that what the program itself takes does not count.
    budget = MemoryBudget(picture_memory_bytes(decoders.processes))
    with lock_state_folder(
        settings.decoding.state_folder(), address.url, settings.worker
    ) as folder:
        try:
            async with open_bridge(address, settings.worker, TASK_TYPE) as bridge:
                handler = Handler(
                    bridge,
                    Reporter(bridge, UndeliveredResults(folder and folder / "results")),
                    [
                        ConcurrentEngine(Engine(each, decoders), compute, budget)
                        for each in classifiers
                    ],
                    settings.task_limit,
                    always_provenance=settings.provenance,
                    language=settings.language,
                )
                taker = Taker(bridge, offers_of(classifiers))
                slots = Slots(threads, settings.in_flight)
                worker = Worker(bridge, handler, taker, slots)
                view = WorkerView(bridge, handler, slots, decoders, stop)
                _log.info(
                    "worker %r works for %s with %s", settings.worker, address.url, description
                )
                background = [
                    *monitors(settings.monitoring, view, settings.worker),
                    Systemd(os.environ).keep_notifying(worker.status, stop),
                    heartbeat.keep_beating(view.why_unhealthy),
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
        finally:
            # Tasks that still compute were handed back: their threads and decoder processes, which
            # may hang, are not waited for.
            decoders.close()
            compute.shutdown(wait=False, cancel_futures=True)
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


def _show_sample(engine: Engine) -> None:
    """Classifies the sample picture and prints the result as a client gets it."""
    result = classify_file(engine, str(SAMPLE), ClassifyRequest(top=3))
    shown = json.dumps(result, indent=2, ensure_ascii=False)
    print(f"A picture of an espresso, classified:\n{shown}\n", flush=True)


def _invite(url: str) -> None:
    """The last lines of the start: where people go on."""
    print(f"\nReady. Open {url}/ in a browser and drop pictures there.")
    print("Stop with Ctrl-C.", flush=True)
