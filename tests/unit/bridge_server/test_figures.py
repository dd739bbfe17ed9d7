"""The bridge's metrics: what they say, who may read them, and that clients cannot blow them up."""

import json
import re
from pathlib import Path

from support.clock import Clock
from support.http_client import Answer
from support.in_process import BridgeOnFolder, form, serving
from support.metrics import Scrape, ask, find_faults, scrape
from support.programs import ROOT
from support.waiting import LONG_S, wait_until
from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.figures import TaskCounts
from taskworker_classifyimage.bridge_server.records import StateCounts
from taskworker_classifyimage.bridge_server.server import Clocks


def complete(bridge: BridgeOnFolder, task_id: str, **result: object) -> Answer:
    return bridge.post(f"tasks/complete/{task_id}/", {"result": result})


def add_of_type(bridge: BridgeOnFolder, task_type: str) -> str:
    text = json.dumps({"type": task_type})
    return str(bridge.add_form(form(text.encode())).json()["id"])


def test_metrics_are_what_prometheus_wants(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        first = scrape(bridge.url)
        complete(bridge, bridge.add(b"a picture"))
        second = scrape(bridge.url)
    assert find_faults(first) == []
    assert find_faults(second) == []
    assert first.value("bridge_oldest_open_task_age_seconds") == 0
    assert first.value("bridge_build_info", version="1.0.0") == 1


def test_tasks_are_counted_by_status_and_completions_by_outcome(tmp_path: Path) -> None:
    clock = Clock()
    with serving(tmp_path, clocks=Clocks(clock, clock)) as bridge:
        oldest = bridge.add()
        clock.now_s += 100
        tasks = [bridge.add() for _ in range(4)]
        taken = [bridge.take() for _ in range(4)]
        complete(bridge, oldest, predictions=[])
        complete(bridge, tasks[0], error="no picture", code="damaged")
        clock.now_s += 50
        scraped = scrape(bridge.url)
    assert taken == [oldest, *tasks[:3]]
    for status, count in {"open": 1, "inprogress": 2, "completed": 1, "failed": 1}.items():
        assert scraped.value("bridge_tasks", status=status) == count, status
    assert scraped.value("bridge_oldest_open_task_age_seconds") == 50
    assert scraped.value("bridge_completions_total", type="t", outcome="completed") == 1
    assert scraped.value("bridge_completions_total", type="t", outcome="failed") == 1
    assert scraped.value("bridge_workers", status="working") == 1
    assert scraped.value("bridge_workers", status="idle") == 0


def test_calls_are_counted_by_path_without_ids_and_by_status(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        for _ in range(3):
            bridge.status(bridge.add(b"x" * 1000))
        bridge.get("tasks/status/00000000-0000-0000-0000-000000000000/")
        bridge.call("GET", "/api/nothing/of/the/kind")
        bridge.call("PUT", "/api/version")
        scraped = scrape(bridge.url)
    path = "/api/tasks/status/{id}"
    assert scraped.value("bridge_calls_total", path=path, status="200") == 3
    assert scraped.value("bridge_calls_total", path=path, status="404") == 1
    assert scraped.value("bridge_calls_total", path="other") == 2
    assert scraped.value("bridge_call_seconds_count", path=path) == 4
    assert scraped.value("bridge_call_seconds_sum", path=path) > 0
    assert scraped.value("bridge_received_bytes_total") > 3000
    assert scraped.value("bridge_sent_bytes_total") > 500
    assert scraped.value("bridge_disk_free_bytes") > 0


def test_files_count_as_sent_whoever_sends_them(tmp_path: Path) -> None:
    """The system itself sends those that are too large for memory."""
    with serving(tmp_path) as bridge:
        sizes = (1000, 3_000_000)
        for size in sizes:
            before = scrape(bridge.url).value("bridge_sent_bytes_total")
            assert len(bridge.get(f"tasks/file/{bridge.add(b'x' * size)}/").body) == size
            after = scrape(bridge.url)
            assert size < after.value("bridge_sent_bytes_total") - before < size + 50_000


def test_calls_that_wait_and_pages_that_listen_are_shown(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        head = f"Host: {bridge.netloc}\r\nAccept: */*\r\n"
        body = b'{"type": "t", "worker": "w", "wait": 30}'
        with bridge.connect() as page, bridge.connect() as worker:
            page.sendall(f"GET /api/events HTTP/1.1\r\n{head}\r\n".encode())
            worker.sendall(
                f"POST /api/tasks/take/ HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            wait_until(lambda: _waits(scrape(bridge.url)) == {"take": 1, "status": 0, "events": 1})
            scraped = scrape(bridge.url)
            assert scraped.value("bridge_connections", state="waiting") == 2
            assert scraped.value("bridge_connections", state="working") >= 1
            bridge.add()
            worker.settimeout(LONG_S)
            assert worker.recv(15) == b"HTTP/1.1 200 OK"
        wait_until(lambda: _waits(scrape(bridge.url)) == {"take": 0, "status": 0, "events": 0})
        ended = scrape(bridge.url)
    assert ended.value("bridge_call_seconds_count", path="/api/tasks/take") == 1
    assert "/api/events" not in {
        sample.labels.get("path")
        for sample in ended.families["taskworker_classifyimage_bridge_call_seconds"].samples
    }


def test_whoever_needs_a_token_for_a_call_needs_it_for_the_metrics(tmp_path: Path) -> None:
    with serving(tmp_path, access=Access(token="s3cret-s3cret-s3cret")) as bridge:
        assert ask(bridge.url, "/metrics")[0] == 401
        scraped = scrape(bridge.url, "s3cret-s3cret-s3cret")
    assert scraped.value("bridge_calls_total", path="/metrics", status="401") == 1


def test_a_client_that_invents_types_adds_few_series(tmp_path: Path) -> None:
    """And none that cannot be read: names are any text."""
    with serving(tmp_path) as bridge:
        names = ['a"b\\c\nd', "ü" * 200, *(f"type {number}" for number in range(100))]
        for name in names:
            complete(bridge, add_of_type(bridge, name))
        scraped = scrape(bridge.url)
    assert find_faults(scraped) == []
    family = scraped.families["taskworker_classifyimage_bridge_completions_total"]
    types = {sample.labels["type"] for sample in family.samples}
    assert len(types) == 21
    assert {'a"b\\c\nd', "ü" * 200} <= types
    assert scraped.value("bridge_completions_total") == len(names)


def test_tasks_are_counted_the_more_rarely_the_longer_that_takes() -> None:
    """With a million tasks, a Prometheus that asks every second would stop the bridge."""
    clock, times = Clock(), []

    def count() -> StateCounts:
        times.append(clock.now_s)
        clock.now_s += 0.25
        return StateCounts(len(times), 0, 0, 0)

    counts = TaskCounts(count, clock=clock)
    for _ in range(200):
        assert counts.read().open == len(times)
        clock.now_s += 1
    assert len(times) == 4


def test_the_documents_list_every_metric(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        scraped = scrape(bridge.url)
    served = {
        (name.removeprefix("taskworker_classifyimage_"), family.type)
        for name, family in scraped.families.items()
    }
    document = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
    table = document.partition("| metric | type | meaning |\n")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE)) == served


def _waits(scraped: Scrape) -> dict[str, float]:
    kinds = ("take", "status", "events")
    return {kind: scraped.value("bridge_waiting_calls", kind=kind) for kind in kinds}
