"""The metrics and health of a real worker, read over the network."""

import asyncio
import os
import queue
import random
import re
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from support.api import Api
from support.in_process import serving
from support.metrics import Scrape, ask, find_faults, scrape
from support.packs import colour_network, write_pack
from support.pools import poison_pool
from support.programs import ROOT, free_port
from support.waiting import LONG_S, wait_until
from support.working import coloured_picture, working
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifiers
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.figures.port import serve_metrics
from taskworker_classifyimage.figures.view import WorkerView
from taskworker_classifyimage.sandbox.pool import DecoderPool


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    pack = write_pack(tmp_path_factory.mktemp("pack") / "pack", colour_network())
    return load_classifiers([str(pack)])[0]


class Held:
    """A model that answers when it is let go."""

    threads = 2

    def __init__(self, classifier: Classifier) -> None:
        self.model, self.library, self.device = classifier.model, classifier.library, "cpu"
        self.go = threading.Event()
        self._classifier = classifier

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        assert self.go.wait(LONG_S)
        return self._classifier.probabilities(images)


@contextmanager
def watched(
    url: str, classifier: Classifier, pool: DecoderPool | None = None
) -> Iterator[tuple[str, WorkerView]]:
    """A worker whose metrics can be read at a URL."""
    urls: queue.Queue[tuple[str, WorkerView]] = queue.Queue()

    @asynccontextmanager
    async def watch(view: WorkerView) -> AsyncIterator[None]:
        async with serve_metrics(view, "127.0.0.1", 0) as metrics:
            urls.put((metrics, view))
            yield

    with working(url, [classifier], pool=pool, watch=watch):
        yield urls.get(timeout=LONG_S)


def fresh_picture() -> bytes:
    return coloured_picture(random.Random())[1]


def test_metrics_are_what_prometheus_wants(tmp_path: Path, colours: Classifier) -> None:
    """Before the first task: what has not happened yet is 0, and not missing."""
    with serving(tmp_path) as bridge, watched(bridge.url, colours) as (url, _):
        wait_until(lambda: ask(url, "/readyz")[0] == 200)
        scraped = scrape(url)
    assert find_faults(scraped) == []
    assert scraped.value("tasks_total", outcome="classified") == 0
    assert scraped.value("tasks_total", outcome="failed", code="damaged") == 0
    assert scraped.value("step_seconds_count", step="take") == 0
    assert scraped.value("build_info", model="Colours", device="cpu", version="1.0.0") == 1


def test_the_documents_list_every_metric(tmp_path: Path, colours: Classifier) -> None:
    """With its type; an operator writes alerts from that table."""
    with serving(tmp_path) as bridge, watched(bridge.url, colours) as (url, _):
        served = {
            (name.removeprefix("taskworker_classifyimage_"), family.type)
            for name, family in scrape(url).families.items()
        }
    document = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = document.partition("| metric | type | meaning |\n")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE)) == served


@pytest.mark.skipif(sys.platform != "linux", reason="idle decoders are looked at on Linux alone")
def test_every_counter_moves(tmp_path: Path, colours: Classifier) -> None:
    """The tasks are there before the worker, so that takes follow each other without a pause."""
    with serving(tmp_path) as bridge:
        api = Api(bridge.url)
        pictures = [b"fine 1", b"fine 2", b"fine 3", b"crash", b"hang", b"refuse honestly", b""]
        tasks = [api.add(file=each) for each in pictures]
        pool = poison_pool(processes=1, time_s=2)
        with watched(bridge.url, colours, pool) as (url, _):
            for task_id in tasks:
                api.wait_for_result(task_id)
            # An answer is kept as long as its decoder lives, and no picture ends that one.
            for _ in range(2):
                api.wait_for_result(api.add(file=b"fine 4"))
            (decoder,) = pool.pids
            os.kill(decoder, signal.SIGKILL)
            api.wait_for_result(api.add(file=b"fine 5"))
            wait_until(lambda: scrape(url).value("tasks_total") == 10)
            scraped = scrape(url)
    assert find_faults(scraped) == []
    assert scraped.value("tasks_total", outcome="classified") == 6
    assert _codes(scraped) == {"killed": 1, "too_slow": 1, "damaged": 1, "empty_file": 1}
    for step in ("take", "fetch", "wait", "decode", "infer", "report"):
        assert scraped.value("step_seconds_count", step=step) > 0, step
        assert scraped.value("step_seconds_sum", step=step) > 0, step
    assert scraped.value("fetched_bytes_total") == sum(map(len, pictures)) + 3 * len("fine n")
    assert scraped.value("cache_hits_total") == 1
    assert scraped.value("cache_misses_total") == 8
    assert scraped.value("decoder_deaths_total", cause="died") >= 2
    assert scraped.value("decoder_deaths_total", cause="too_slow") == 1
    assert scraped.value("decoder_deaths_total", cause="unfit") == 1
    assert scraped.value("decoders") == 1


def test_gauges_show_what_is_there_now(tmp_path: Path, colours: Classifier) -> None:
    held = Held(colours)
    with serving(tmp_path) as bridge, watched(bridge.url, held) as (url, _):
        api = Api(bridge.url)
        tasks = [api.add(file=fresh_picture()) for _ in range(4)]
        wait_until(lambda: _in_flight(url, "infer") == 2)
        wait_until(lambda: _in_flight(url, "wait") == 2)
        busy = scrape(url)
        held.go.set()
        for task_id in tasks:
            api.wait_for_result(task_id)
        wait_until(lambda: scrape(url).value("tasks_in_flight") == 0)
        idle = scrape(url)
    assert busy.value("tasks_in_flight") == 4
    assert busy.value("slots") >= 4
    for scraped in (busy, idle):
        assert scraped.value("resident_memory_bytes", process="worker") > 2**20
        assert scraped.value("resident_memory_bytes", process="decoders") > 2**20
        assert 0 <= scraped.value("last_answer_age_seconds") < LONG_S


def test_readiness_follows_the_bridge_and_health_does_not(
    tmp_path: Path, colours: Classifier
) -> None:
    """Restarting the worker would not bring the bridge back."""
    port = free_port()
    with watched(f"http://127.0.0.1:{port}", colours) as (url, view):
        assert ask(url, "/readyz") == (503, "the bridge has not answered yet\n")
        assert scrape(url).value("reaches_bridge") == 0
        with serving(tmp_path, port=port):
            wait_until(lambda: ask(url, "/readyz") == (200, "ok\n"))
            assert scrape(url).value("reaches_bridge") == 1
        wait_until(lambda: ask(url, "/readyz")[0] == 503)
        assert ask(url, "/readyz")[1].startswith("the bridge is away, for ")
        assert scrape(url).value("reaches_bridge") == 0
        assert ask(url, "/healthz") == (200, "ok\n")
        with serving(tmp_path, port=port):
            wait_until(lambda: ask(url, "/readyz") == (200, "ok\n"))
            view.is_taking = False
            assert ask(url, "/readyz")[1].startswith("another worker")


def test_decoders_that_do_not_start_are_unhealthy(tmp_path: Path, colours: Classifier) -> None:
    """Whoever runs the worker may start it again."""
    with serving(tmp_path) as bridge, watched(bridge.url, colours) as (url, view):
        wait_until(lambda: ask(url, "/readyz")[0] == 200)
        decoders = view._decoders
        assert isinstance(decoders, DecoderPool)
        decoders._slots[0].fault = "the processes that decode pictures do not start: no"
        for path in ("/healthz", "/readyz"):
            assert ask(url, path) == (503, "the processes that decode pictures do not start: no\n")


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path, colours: Classifier) -> None:
    with serving(tmp_path) as bridge, watched(bridge.url, colours) as (url, view):
        taken = int(url.rpartition(":")[2])

        async def serve_again() -> None:
            async with serve_metrics(view, "127.0.0.1", taken):
                raise AssertionError("two of them")

        with pytest.raises(ConfigError, match=f"port {taken}: .*--metrics-port"):
            asyncio.run(serve_again())


def _codes(scraped: Scrape) -> dict[str, float]:
    family = scraped.families["taskworker_classifyimage_tasks_total"]
    return {s.labels["code"]: s.value for s in family.samples if s.labels["code"] and s.value}


def _in_flight(url: str, step: str) -> float:
    return scrape(url).value("tasks_in_flight", step=step)
