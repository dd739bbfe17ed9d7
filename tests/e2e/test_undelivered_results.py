"""Results and tasks while a bridge answers nonsense, and a worker that is killed meanwhile."""

import random
import threading

from support.api import Api
from support.programs import Program, RunningBridge
from support.proxy import Exchange, Fault, FaultyProxy
from support.raw_http import whole_answer
from support.small_worker import small_worker
from support.waiting import wait_until
from support.working import coloured_picture


def add_picture(api: Api) -> tuple[str, str]:
    """A task's id, and the class that is right."""
    right, picture = coloured_picture(random.Random())
    return api.add({"numberofpredictions": 1}, picture), right


def refuse_results(exchange: Exchange) -> Fault | None:
    if exchange.step == "complete":
        return lambda exchange: exchange.answer(whole_answer(500))
    return None


def test_a_result_that_cannot_be_delivered_outlives_the_worker(
    running_bridge: RunningBridge,
) -> None:
    """The next life delivers it without asking for the picture again."""
    api = running_bridge.api
    task_id, right = add_picture(api)
    with (
        FaultyProxy(running_bridge.url, refuse_results) as proxy,
        small_worker(proxy.url) as program,
    ):
        wait_until(lambda: proxy.steps["complete"] > 1)
        program.kill()
    assert api.status(task_id) == "inprogress"
    # A worker's results are kept by its bridge's address, so the proxy comes back at its own.
    with (
        FaultyProxy(running_bridge.url, lambda _: None, port=proxy.port) as proxy,
        small_worker(proxy.url),
    ):
        result = api.wait_for_result(task_id)
        assert proxy.steps["file"] == 0
    assert result["predictions"][0]["class"] == right


def test_a_proxy_that_finds_no_bridge_behind_it_loses_no_task(
    running_bridge: RunningBridge,
) -> None:
    """A 404 to everything is an outage; it does not say that the task was removed."""
    outages_at = ["file", "complete"]
    is_gone = threading.Event()

    def choose(exchange: Exchange) -> Fault | None:
        if not is_gone.is_set() and outages_at[:1] == [exchange.step]:
            del outages_at[0]
            is_gone.set()
        if not is_gone.is_set():
            return None
        return lambda exchange: exchange.answer(whole_answer(404, b"404 page not found"))

    api = running_bridge.api
    with (
        FaultyProxy(running_bridge.url, choose) as proxy,
        small_worker(proxy.url) as program,
    ):
        task_id, right = add_picture(api)
        for count in (1, 2):
            wait_for_outages(program, count)
            is_gone.clear()
        assert api.wait_for_result(task_id)["predictions"][0]["class"] == right


def wait_for_outages(program: Program, count: int) -> None:
    wait_until(lambda: program.printed.count("and to everything else; trying again") == count)
