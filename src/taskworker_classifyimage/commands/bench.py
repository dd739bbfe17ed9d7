"""`bench`: how fast this machine decodes, infers, and does the whole loop through a bridge."""

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
from dataclasses import dataclass
from typing import Annotated, Final

from taskworker_classifyimage import declare
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.commands.output import Column, LiveTable
from taskworker_classifyimage.commands.parts import decoder_pool, load_first
from taskworker_classifyimage.decode import decode, silence_decoders
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, ConfigError
from taskworker_classifyimage.logs import set_up_logging
from taskworker_classifyimage.machine import peak_memory_bytes
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.infer import infer
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.take import Taker
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults
from taskworker_classifyimage.sample import SAMPLE
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.settings import ACCESS, LOCAL, Access, LocalSettings, read_address
from taskworker_classifyimage.sources import is_setting
from taskworker_classifyimage.worker.slots import Slots
from taskworker_classifyimage.worker.worker import Worker

#: Enough for a p95 that means something, and over in seconds.
_PICTURES: Final = 400
_COLUMNS: Final = (
    Column(width=22),
    Column("pictures/s", width=10, is_number=True),
    Column("CPU ms", width=8, is_number=True),
    Column("p50 ms", width=8, is_number=True),
    Column("p95 ms", width=8, is_number=True),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """What one step took: wall seconds of each picture, CPU seconds and wall seconds of all."""

    name: str
    each_s: Sequence[float]
    cpu_s: float
    all_s: float

    def cells(self) -> Iterator[str]:
        """What `_COLUMNS` are for."""
        ordered = sorted(self.each_s)
        yield self.name
        yield f"{len(ordered) / self.all_s:.1f}"
        yield f"{self.cpu_s / len(ordered) * 1000:.2f}"
        yield from (f"{ordered[int(len(ordered) * share)] * 1000:.2f}" for share in (0.5, 0.95))


def run(
    *,
    bridge: Annotated[
        BridgeAddress | None,
        declare.setting(
            str, "URL", "as --taskbridgeurl", "an embedded one", converter=read_address
        ),
    ] = None,
    access: Access = ACCESS,
    settings: LocalSettings = LOCAL,
) -> None:
    """Prints a table."""
    set_up_logging(settings.general.level("warning"))
    silence_decoders()
    bridge_elsewhere = access.address(bridge)
    classifier = load_first(settings.models)
    threads = classifier.threads
    print(
        f"{classifier.model.name}, {classifier.library}, {classifier.device}, {threads} threads\n"
    )
    table = LiveTable(*_COLUMNS)
    table.add_titles()
    with contextlib.ExitStack() as stack:
        decoders = stack.enter_context(decoder_pool(settings.decoding))
        for row in _measure_computing(classifier, decoders):
            table.add(*row.cells())
        address = bridge_elsewhere or stack.enter_context(_run_bridge())
        table.add(*asyncio.run(_whole_loop(address, classifier, decoders)).cells())
    memory = peak_memory_bytes()
    print(f"\n{_PICTURES} pictures a row; CPU is this process's, without decoders and bridge.")
    print(f"Peak memory: {'unknown' if memory is None else f'{memory / 1e6:.0f} MB'}")


def _measure_computing(classifier: Classifier, decoders: DecoderPool) -> Iterator[_Row]:
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


def _measure(name: str, step: Callable[[], object], threads: int) -> _Row:
    def timed(_number: int) -> float:
        start_s = time.perf_counter()
        step()
        return time.perf_counter() - start_s

    with ThreadPoolExecutor(threads) as compute:
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        each_s = list(compute.map(timed, range(_PICTURES)))
        all_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return _Row(name, each_s, cpu_s, all_s)


@contextlib.contextmanager
def _run_bridge() -> Iterator[BridgeAddress]:
    """An embedded bridge in a process of its own, so that its CPU time is not ours."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "taskworker_classifyimage", "bridge"]
        command += ["--bridge-port", "0", "--bridge-data", folder]
        # Settings are for the bridge that others call, not for this one.
        environ = {name: text for name, text in os.environ.items() if not is_setting(name)}
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
) -> _Row:
    """Adds pictures under a type of their own, lets a worker do them, and removes them."""
    task_type = f"bench-{uuid.uuid4()}"
    added: list[str] = []
    try:
        async with BridgeClient(address) as client:
            try:
                for number in range(_PICTURES):
                    # Each is another file, so none is answered from memory.
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
    return _Row("whole loop", each_s, cpu_s, all_s)


async def _work_off(
    bridge: Bridge, classifier: Classifier, decoders: DecoderPool
) -> tuple[float, float]:
    """Wall and CPU seconds until every picture is reported."""
    with ThreadPoolExecutor(classifier.threads) as compute:
        engine = ConcurrentEngine(Engine(classifier, decoders), compute)
        reporter = Reporter(bridge, UndeliveredResults(None))
        handler = Handler(bridge, reporter, [engine], task_limit_s=600.0)
        stop = asyncio.Event()
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        worker = Worker(bridge, handler, Taker(bridge), Slots(classifier.threads))
        working = asyncio.create_task(worker.run(stop))
        while handler.tally.classified + handler.tally.failed + handler.tally.gone < _PICTURES:
            if working.done() or bridge.is_down:
                break
            await asyncio.sleep(0.01)
        all_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        stop.set()
        await working
    if handler.tally.classified < _PICTURES:
        raise BridgeUnavailable("the bridge went away")
    return all_s, cpu_s


async def _duration_s(client: BridgeClient, task_id: str) -> float:
    result = (await client.details(task_id)).get("result")
    return float(result["duration"]) if isinstance(result, dict) else 0.0
