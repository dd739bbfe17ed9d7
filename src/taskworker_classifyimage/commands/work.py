"""Take pictures from a TaskBridge, classify them and report; starts a bridge if none is named."""

import argparse
import asyncio
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from taskworker_classifyimage.classify import load_classifiers
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.commands.bridge import embedded_bridge
from taskworker_classifyimage.commands.flags import (
    add_access_flags,
    add_bridge_flags,
    add_model_flags,
    add_provenance_flag,
    settings_of,
)
from taskworker_classifyimage.logs import set_up_logging
from taskworker_classifyimage.pipeline.abilities import offers
from taskworker_classifyimage.pipeline.decode import DecodeLimits
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.local import SAMPLE, LocalFiles
from taskworker_classifyimage.pipeline.recognise import Recogniser
from taskworker_classifyimage.pipeline.take import Taker
from taskworker_classifyimage.settings import Settings
from taskworker_classifyimage.stopping import stop_on_signals
from taskworker_classifyimage.taskbridge.address import BridgeAddress
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import ClassifyRequest
from taskworker_classifyimage.worker import Worker, WorkerLimits

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    parser.add_argument("--taskbridgeurl", metavar="URL", help="the bridge to work for")
    parser.add_argument("--worker", metavar="NAME", help="unique name; default: the host's name")
    parser.add_argument(
        "--in-flight", metavar="N", help="tasks at once; default: what the network needs"
    )
    add_model_flags(parser)
    add_provenance_flag(parser)
    add_access_flags(parser)
    add_bridge_flags(parser)


def run(parsed: argparse.Namespace) -> int:
    """Works until a signal ends it."""
    settings = settings_of(parsed)
    set_up_logging(settings.log_level)
    # All is checked before the first task is taken: a worker that cannot answer takes none.
    classifiers = load_classifiers(settings.model, settings.device)
    for each in classifiers:
        labels_of(each.model).check()
    asyncio.run(_serve(settings, classifiers))
    return 0


async def _serve(settings: Settings, classifiers: Sequence[Classifier]) -> None:
    with stop_on_signals() as stop:
        if settings.taskbridgeurl is not None:
            await _work(settings, settings.taskbridgeurl, classifiers, stop)
            return
        async with embedded_bridge(settings) as url:
            _introduce(url, LocalFiles(classifiers[0], DecodeLimits()))
            await _work(settings, BridgeAddress.parse(url), classifiers, stop)


async def _work(
    settings: Settings,
    address: BridgeAddress,
    classifiers: Sequence[Classifier],
    stop: asyncio.Event,
) -> None:
    outage, threads = Outage(address.url), max(each.threads for each in classifiers)
    with ThreadPoolExecutor(threads, thread_name_prefix="compute") as compute:
        async with BridgeClient(address) as client:
            recognisers = [Recogniser(each, DecodeLimits(), compute) for each in classifiers]
            handler = Handler(
                client,
                outage,
                recognisers,
                DecodeLimits(),
                tells_provenance=settings.provenance,
            )
            taker = Taker(settings.worker, offers(classifiers))
            limits = WorkerLimits(threads=threads, in_flight=settings.in_flight)
            _log.info(
                "worker %r works for %s with %s, %d threads",
                settings.worker,
                address.url,
                ", ".join(
                    f"{each.model.name} ({each.library}) on {each.device}" for each in classifiers
                ),
                threads,
            )
            await Worker(client, outage, handler, taker, limits).run(stop)
    _log.info(
        "stopped; %d classified, %d of them seen before; %d failed",
        handler.tally.classified,
        handler.repeated,
        handler.tally.failed,
    )


def _introduce(url: str, files: LocalFiles) -> None:
    """Shows on a picture that comes with the program what this is good for."""
    result = files.classify(SAMPLE, ClassifyRequest(top=3))
    shown = json.dumps(result, indent=2, ensure_ascii=False)
    print(f"A picture of an espresso, classified:\n{shown}\n")
    print(f"Ready. The bridge and its page: {url}/")
    print("Stop with Ctrl-C.", flush=True)
