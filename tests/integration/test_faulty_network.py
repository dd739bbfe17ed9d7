"""A network between worker and bridge that fails in every way that a test can think of.

CLASSIFYIMAGE_FAULT_TASKS=1000 makes it as large as it was run once.
"""

import json
import os
import random
import time
from pathlib import Path

import pytest

from support.api import Api
from support.faults import FAST, SLOW
from support.in_process import serving
from support.packs import colour_network, write_pack
from support.proxy import Exchange, Fault, FaultyProxy
from support.waiting import LONG_S, wait_until
from support.working import coloured_picture, working
from taskworker_classifyimage.bridge_client.connection import CallLimits
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifiers

TASKS = int(os.environ.get("CLASSIFYIMAGE_FAULT_TASKS", "100"))
#: Of a hundred calls.
FAULTS = 12
#: Short, so that what hangs is given up soon.
CALLS = CallLimits(connect_s=2, silence_s=1.5, call_s=2, rate_window_s=2)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> list[Classifier]:
    pack = write_pack(tmp_path_factory.mktemp("colours") / "pack", colour_network())
    return list(load_classifiers([str(pack)]))


def add_pictures(api: Api, count: int, seed: int) -> dict[str, str]:
    """Adds tasks; gives the right class of each by its id."""
    source = random.Random(seed)
    expected = {}
    for _ in range(count):
        right, picture = coloured_picture(source)
        expected[api.add({"numberofpredictions": 1}, picture)] = right
    return expected


def wrong_answers(api: Api, expected: dict[str, str]) -> dict[str, object]:
    results = {task_id: api.result(task_id) for task_id in expected}
    return {
        task_id: result
        for task_id, result in results.items()
        if "error" in result or result["predictions"][0]["class"] != expected[task_id]
    }


@pytest.mark.timeout(600 + TASKS)
@pytest.mark.parametrize(("seed", "is_open"), [(6, False), (7, True)])
def test_faults_of_the_network_cost_no_task(
    tmp_path: Path, colours: list[Classifier], seed: int, is_open: bool
) -> None:
    """Every task is completed with the right answer; twice only if the first answer was lost.

    With three calls each, and with several tasks in one call.
    """
    fate = random.Random(seed)
    random.seed(seed)

    reports = []

    def choose(exchange: Exchange) -> Fault | None:
        if exchange.path == "/api/tasks/complete/":
            reports.append(len(json.loads(exchange.body)["results"]))
        return fate.choice([*FAST, *SLOW]) if fate.randrange(100) < FAULTS else None

    with (
        serving(tmp_path / "bridge") as served,
        FaultyProxy(served.url, choose, is_open=is_open) as proxy,
    ):
        api = Api(served.url)
        expected = add_pictures(api, TASKS, seed)
        with working(proxy.url, colours, calls=CALLS, results=tmp_path / "results"):
            wait_until(lambda: expected.keys() <= proxy.completed.keys(), LONG_S + TASKS)
        assert wrong_answers(api, expected) == {}
        assert api.statuses() == {"completed": TASKS}
        for results in proxy.completed.values():
            assert len({str(result["predictions"]) for result in results}) == 1
        assert list((tmp_path / "results").glob("*")) == []
        assert (max(reports, default=0) > 1) == is_open


def test_a_bridge_that_is_down_gets_at_most_five_requests_a_second(
    tmp_path: Path, colours: list[Classifier], caplog: pytest.LogCaptureFixture
) -> None:
    """However many tasks are in flight, once the calls that were under way have failed.

    Each probe begins some time after the last one has failed, so a busy machine only draws them
    apart.
    """
    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, slow_down) as proxy:
        api = Api(served.url)
        expected = add_pictures(api, 100, seed=1)
        with working(proxy.url, colours, results=tmp_path / "results") as worker:
            wait_until(lambda: len(worker.in_hand()) >= 8)
            proxy.go_down()
            # The first probe has failed, and what was under way before it.
            wait_until(lambda: "is unavailable" in caplog.text)
            before = len(proxy.arrivals_s)
            # Two probes at least, as each makes one request or two.
            wait_until(lambda: len(proxy.arrivals_s) > before + 2)
            arrivals_s = proxy.arrivals_s[before:]
            proxy.is_down = False
            wait_until(lambda: expected.keys() <= proxy.completed.keys())
        assert wrong_answers(api, expected) == {}
    busiest = max(sum(0 <= at_s - start_s < 1 for at_s in arrivals_s) for start_s in arrivals_s)
    assert busiest <= 5


def slow_down(_: Exchange) -> Fault | None:
    """A round trip that is long enough for many tasks to be in flight."""
    time.sleep(0.02)
    return None


def test_slow_downloads_keep_no_other_task_waiting(
    tmp_path: Path, colours: list[Classifier]
) -> None:
    """Six held all slots, and good tasks waited until they were given up."""
    slow: set[str] = set()

    def stall(exchange: Exchange) -> Fault | None:
        return send_a_part_and_hang if exchange.task_id in slow else None

    def send_a_part_and_hang(exchange: Exchange) -> None:
        if exchange.step != "file":
            exchange.answer(exchange.forward())
            return
        exchange.answer(exchange.forward()[:-1])
        exchange.hang()

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, stall) as proxy:
        api = Api(served.url)
        slow.update(add_pictures(api, 8, seed=2))
        good = add_pictures(api, 30, seed=3)
        with working(proxy.url, colours, results=tmp_path / "results"):
            wait_until(lambda: good.keys() <= proxy.completed.keys())
            assert not slow & proxy.completed.keys()
            slow.clear()
        assert wrong_answers(api, good) == {}
