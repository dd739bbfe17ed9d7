"""`bench`: measures how fast this machine decodes, infers, and works for a bridge."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from rich.table import Column

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.commands.output import print_table
from taskworker_classifyimage.commands.parts import decoder_pool, load_first
from taskworker_classifyimage.decode import decode, silence_decoders
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, ConfigError
from taskworker_classifyimage.machine import peak_memory_bytes, picture_memory_bytes
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.infer import infer
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.take import Taker
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults
from taskworker_classifyimage.sample import SAMPLE
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.settings.areas import Access, LocalSettings, Url
from taskworker_classifyimage.settings.sources import VARIABLES
from taskworker_classifyimage.words import counted
from taskworker_classifyimage.worker.slots import Slots
from taskworker_classifyimage.worker.worker import Worker

#: Enough for a meaningful p95, and measured in seconds.
_PICTURES: Final = 400
_TITLES: Final = ("", "pictures/s", "CPU ms", "p50 ms", "p95 ms")
_COLUMNS: Final = (
    Column(min_width=22),
    Column(min_width=10, justify="right"),
    *[Column(min_width=8, justify="right")] * 3,
)


def run(
    *,
    bridge: Url = None,
    access: Access = Access(),
    settings: LocalSettings = LocalSettings(),
) -> None:
    """Prints a table of what was measured.

    Args:
        bridge: same as --taskbridgeurl; without either, an embedded bridge is started
    """
    settings.general.set_up_logging()
    silence_decoders()
    bridge_elsewhere = (replace(access, taskbridgeurl=bridge) if bridge else access).address()
    classifier = load_first(settings.models)
    threads = classifier.threads
    print(
        f"{classifier.model.name}, {classifier.library}, {classifier.device}, "
        f"{counted(threads, 'thread')}\n"
    )
    print_table(_COLUMNS, _TITLES, style="bold")
    with contextlib.ExitStack() as stack:
        decoders = stack.enter_context(decoder_pool(settings.decoding))
        for row in _measure_computing(classifier, decoders):
            print_table(_COLUMNS, row)
        address = bridge_elsewhere or stack.enter_context(_run_bridge())
        print_table(_COLUMNS, asyncio.run(_whole_loop(address, classifier, decoders)))
    memory = peak_memory_bytes()
    print(
        f"\n{_PICTURES} pictures in each row; CPU is this process's, without decoders and bridge."
    )
    print(f"Peak memory: {'unknown' if memory is None else f'{memory / 1e6:.0f} MB'}")


def _measure_computing(classifier: Classifier, decoders: DecoderPool) -> Iterator[Sequence[str]]:
    encoded, spec, limits = SAMPLE.read_bytes(), classifier.model.input, decoders.limits
    image = decoders.decode(encoded, spec).pixels

    def both() -> None:
        infer(classifier, decode(encoded, spec, limits).pixels)

    yield _measure("decode", lambda: decode(encoded, spec, limits), 1)
    yield _measure("decode, in a decoder", lambda: decoders.decode(encoded, spec), 1)
    yield _measure("infer", lambda: infer(classifier, image), 1)
    yield _measure("both", both, 1)
    if classifier.threads > 1:
        yield _measure(f"both, on {classifier.threads} threads", both, classifier.threads)


def _measure(name: str, step: Callable[[], object], threads: int) -> Sequence[str]:
    def timed(_number: int) -> float:
        start_s = time.perf_counter()
        step()
        return time.perf_counter() - start_s

    with ThreadPoolExecutor(threads) as compute:
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        each_s = list(compute.map(timed, range(_PICTURES)))
        all_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return _row(name, each_s, cpu_s, all_s)


def _row(name: str, each_s: Sequence[float], cpu_s: float, all_s: float) -> Sequence[str]:
    """Cells of one step: from the wall time of each picture, CPU and wall time of all."""
    ordered, count = sorted(each_s), len(each_s)
    percentiles = (ordered[int(count * share)] * 1000 for share in (0.5, 0.95))
    cpu_ms = cpu_s / count * 1000
    return (name, f"{count / all_s:.1f}", f"{cpu_ms:.2f}", *(f"{ms:.2f}" for ms in percentiles))


@contextlib.contextmanager
def _run_bridge() -> Iterator[BridgeAddress]:
    """Runs an embedded bridge in its own process, so that its CPU time is not measured."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "taskworker_classifyimage", "bridge"]
        command += ["--bridge-port", "0", "--bridge-data", folder]
        # The user's settings are for another bridge.
        environ = {name: text for name, text in os.environ.items() if name not in VARIABLES}
        with subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, encoding="utf-8", env=environ
        ) as process:
            try:
                assert process.stdout is not None  # noqa: S101 - PIPE gives one
                line = process.stdout.readline()
                if not line:
                    raise ConfigError("the embedded bridge did not start")
                yield BridgeAddress.parse(line.rpartition(" ")[2].strip())
            finally:
                process.terminate()


async def _whole_loop(
    address: BridgeAddress, classifier: Classifier, decoders: DecoderPool
) -> Sequence[str]:
    """Adds tasks of a unique type, lets a worker do them, and removes them."""
    task_type = f"bench-{uuid.uuid4()}"
    added: list[str] = []
    try:
        async with BridgeClient(address) as client:
            try:
                for number in range(_PICTURES):
                    # Each file differs, so that none is answered from the cache.
                    file = SAMPLE.read_bytes() + b"%d" % number
                    added.append(await client.add(task_type, {}, file))
                all_s, cpu_s = await _work_off(
                    Bridge(client, "bench", task_type), classifier, decoders
                )
                each_s = [await _duration_s(client, task_id) for task_id in added]
            finally:
                for task_id in added:
                    await client.remove(task_id)
    except (BridgeUnavailable, BridgeRejected) as err:
        raise ConfigError(f"{address.url}: {err}") from None
    return _row("whole loop", each_s, cpu_s, all_s)


async def _work_off(
    bridge: Bridge, classifier: Classifier, decoders: DecoderPool
) -> tuple[float, float]:
    """Wall and CPU seconds until every picture is reported."""
    with ThreadPoolExecutor(classifier.threads) as compute:
        budget = MemoryBudget(picture_memory_bytes(decoders.processes))
        engine = ConcurrentEngine(Engine(classifier, decoders), compute, budget)
        reporter = Reporter(bridge, UndeliveredResults(None))
        handler = Handler(bridge, reporter, [engine], task_limit_s=600.0)
        stop = asyncio.Event()
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        worker = Worker(bridge, handler, Taker(bridge), Slots(classifier.threads))
        working = asyncio.create_task(worker.run(stop))
        while handler.figures.ended < _PICTURES:
            if working.done() or bridge.is_down:
                break
            await asyncio.sleep(0.01)
        all_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        stop.set()
        await working
    if handler.figures.classified < _PICTURES:
        raise BridgeUnavailable("the bridge went away")
    return all_s, cpu_s


async def _duration_s(client: BridgeClient, task_id: str) -> float:
    result = (await client.details(task_id)).get("result")
    return float(result["duration"]) if isinstance(result, dict) else 0.0
