import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support.api import Api
from support.in_process import serving
from support.packs import colour_network, write_pack
from support.programs import RunningBridge, worker
from support.proxy import Exchange, Fault, FaultyProxy, whole_answer
from support.waiting import wait_until
from support.working import coloured_picture, working
from taskworker_classifyimage.classify import load_classifiers
from taskworker_classifyimage.classify.base import Classifier


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("colours") / "pack", colour_network())


@pytest.fixture(scope="module")
def colours(pack: Path) -> list[Classifier]:
    return list(load_classifiers([str(pack)]))


def add_picture(api: Api, number: int = 1) -> tuple[str, str]:
    """A task's id, and the class that is right."""
    import random  # noqa: PLC0415

    right, picture = coloured_picture(random.Random(number))
    return api.add({"numberofpredictions": 1}, picture), right


class Once:
    """A fault that happens to the first call of one step only."""

    def __init__(self, step: str, act: Callable[[Exchange], None]) -> None:
        self._step = step
        self._act = act
        self._lock = threading.Lock()
        self.is_over = False

    def __call__(self, exchange: Exchange) -> Fault | None:
        with self._lock:
            if exchange.step != self._step or self.is_over:
                return None
            self.is_over = True
        return self._act


def lose_answer(exchange: Exchange) -> None:
    exchange.forward()
    exchange.cut()


def test_a_take_whose_answer_was_lost_is_found_while_the_worker_runs(
    tmp_path: Path, colours: list[Classifier]
) -> None:
    """Nobody but this worker would ever do the task, and it need not be started anew for it."""
    with (
        serving(tmp_path / "bridge") as served,
        FaultyProxy(served.url, Once("take", lose_answer)) as proxy,
    ):
        api = Api(served.url)
        task_id, right = add_picture(api)
        with working(proxy.url, colours):
            result = api.wait_for_result(task_id)
    assert result["predictions"][0]["class"] == right
    assert proxy.taken == {task_id: 1}


def test_a_take_that_hangs_at_the_stop_is_handed_back(
    tmp_path: Path, colours: list[Classifier]
) -> None:
    """The bridge gave the task, and the worker ends without ever having heard of it."""

    def hang(exchange: Exchange) -> None:
        exchange.forward()
        exchange.hang()

    with (
        serving(tmp_path / "bridge") as served,
        FaultyProxy(served.url, Once("take", hang)) as proxy,
    ):
        api = Api(served.url)
        add_picture(api)
        with working(proxy.url, colours):
            wait_until(lambda: api.statuses() == {"inprogress": 1})
        assert api.statuses() == {"open": 1}


def test_the_list_is_not_read_without_a_reason(tmp_path: Path, colours: list[Classifier]) -> None:
    """On a bridge with a million tasks it has 250 MB."""
    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, lambda _: None) as proxy:
        api = Api(served.url)
        ids = [add_picture(api, number)[0] for number in range(50)]
        with working(proxy.url, colours):
            for task_id in ids:
                api.wait_for_result(task_id)
            wait_until(lambda: proxy.steps["take"] > 60)
        assert proxy.steps["list"] == 1


def refuse_results(exchange: Exchange) -> Fault | None:
    if exchange.step == "complete":
        return lambda exchange: exchange.answer(whole_answer(500))
    return None


def test_a_result_that_cannot_be_delivered_outlives_the_worker(
    running_bridge: RunningBridge, pack: Path
) -> None:
    """The next life delivers it without asking for the picture again."""
    api = running_bridge.api
    task_id, right = add_picture(api)
    with (
        FaultyProxy(running_bridge.url, refuse_results) as proxy,
        worker(proxy.url, "w", "--model", str(pack)) as program,
    ):
        wait_until(lambda: proxy.steps["complete"] > 1)
        program.kill()
    assert api.status(task_id) == "inprogress"
    # A worker's results are kept by its bridge's address, so the proxy comes back at its own.
    with (
        FaultyProxy(running_bridge.url, lambda _: None, port=proxy.port) as proxy,
        worker(proxy.url, "w", "--model", str(pack)),
    ):
        result = api.wait_for_result(task_id)
        assert proxy.steps["file"] == 0
    assert result["predictions"][0]["class"] == right


@pytest.mark.parametrize("meanwhile", ["reopened", "completed", "removed"])
def test_a_result_of_no_use_any_more_is_dropped(
    tmp_path: Path, colours: list[Classifier], meanwhile: str
) -> None:
    """What became of the task while the result waited is left as it is."""
    is_refusing = True

    def choose(exchange: Exchange) -> Fault | None:
        return refuse_results(exchange) if is_refusing else None

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        task_id, _ = add_picture(api)
        results = tmp_path / "results"
        with working(proxy.url, colours, results=results) as mine:
            wait_until(lambda: results.is_dir() and list(results.glob("*.json")))
            if meanwhile == "removed":
                api.remove(task_id)
            else:
                api.call("GET", f"tasks/restart/{task_id}/")
                # Taken by somebody else, who may have done it.
                api.json("POST", "tasks/take/", {"type": "classifyimage", "worker": "other"})
            if meanwhile == "completed":
                body = json.dumps({"result": {"other": True}}).encode()
                api.call("POST", f"tasks/complete/{task_id}/", body, "application/json")
            is_refusing = False
            wait_until(lambda: not mine.in_hand())
            assert list(results.iterdir()) == []
        if meanwhile == "completed":
            assert api.result(task_id) == {"other": True}
