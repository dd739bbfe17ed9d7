"""`work`: takes pictures from a bridge, own or remote, classifies them and reports results."""

import asyncio
import gc

from taskworker_classifyimage.bridge_client.tls import without_system_cas
from taskworker_classifyimage.commands.engine import choose_engine
from taskworker_classifyimage.figures.heartbeat import Heartbeat
from taskworker_classifyimage.machine import return_freed_memory
from taskworker_classifyimage.settings.areas import WorkSettings
from taskworker_classifyimage.stopping import exit_on_sigterm


def run(settings: WorkSettings = WorkSettings()) -> None:
    """Works until a signal ends it."""
    settings.general.set_up_logging("info")
    exit_on_sigterm()
    return_freed_memory()
    # What is imported stays; looking for garbage in it takes a tenth of the start.
    gc.disable()
    # A model may take a minute to load.
    heartbeat = Heartbeat(settings.monitoring.heartbeat)
    heartbeat.beat()
    # Everything is checked first: a worker that cannot classify must not take a task.
    address = settings.access.address()
    with choose_engine(settings.cluster).open_models(settings) as models:
        with without_system_cas():
            from taskworker_classifyimage.commands.serving import serve  # noqa: PLC0415 - decoders start meanwhile

        gc.freeze()
        gc.enable()
        asyncio.run(serve(settings, address, models, heartbeat))
