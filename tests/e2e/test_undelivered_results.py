"""Results and tasks while a bridge answers nonsense, and a worker that is killed meanwhile."""

import random
import threading
from pathlib import Path

import pytest

from support.api import Api
from support.packs import colour_network, write_pack
from support.programs import RunningBridge, worker
from support.proxy import Exchange, Fault, FaultyProxy
from support.raw_http import whole_answer
from support.waiting import wait_until
from support.working import coloured_picture


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("colours") / "pack", colour_network())


def add_picture(api: Api) -> tuple[str, str]:
    """A task's id, and the class that is right."""
    right, picture = coloured_picture(random.Random(1))
    return api.add({"numberofpredictions": 1}, picture), right


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


@pytest.mark.parametrize("step", ["file", "complete"])
def test_a_proxy_that_finds_no_bridge_behind_it_loses_no_task(
    running_bridge: RunningBridge, pack: Path, step: str
) -> None:
    """A 404 to everything is an outage; it does not say that the task was removed."""
    asked: list[str] = []
    is_back = threading.Event()

    def choose(exchange: Exchange) -> Fault | None:
        if exchange.step == step or asked:
            asked.append(exchange.step)
        if not asked or is_back.is_set():
            return None
        return lambda exchange: exchange.answer(whole_answer(404, b"404 page not found"))

    api = running_bridge.api
    with (
        FaultyProxy(running_bridge.url, choose) as proxy,
        worker(proxy.url, "w", "--model", str(pack)) as program,
    ):
        task_id, right = add_picture(api)
        program.wait_for("and to everything else; trying again")
        is_back.set()
        assert api.wait_for_result(task_id)["predictions"][0]["class"] == right
