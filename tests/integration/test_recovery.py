import json
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support.api import Api
from support.in_process import serving
from support.packs import colour_network, write_pack
from support.proxy import Exchange, Fault, FaultyProxy
from support.raw_http import whole_answer
from support.waiting import wait_until
from support.working import coloured_picture, working
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifiers


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> list[Classifier]:
    pack = write_pack(tmp_path_factory.mktemp("colours") / "pack", colour_network())
    return list(load_classifiers([str(pack)]))


def add_picture(api: Api, number: int = 1) -> tuple[str, str]:
    """A task's id, and the class that is right."""
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


@pytest.mark.parametrize("meanwhile", ["reopened", "completed", "removed"])
def test_a_result_of_no_use_any_more_is_dropped(
    tmp_path: Path, colours: list[Classifier], meanwhile: str
) -> None:
    """What became of the task while the result waited is left as it is."""
    is_refusing = True

    def choose(exchange: Exchange) -> Fault | None:
        if exchange.step == "take":
            # As with the releases, which lease nothing and take a result from anybody.
            exchange.body = exchange.body.replace(b'"lease": true', b'"lease": false')
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
        if meanwhile == "reopened":
            assert api.status(task_id) == "inprogress"
        if meanwhile == "completed":
            assert api.result(task_id) == {"other": True}


def test_a_task_that_is_given_twice_is_done_once(tmp_path: Path, colours: list[Classifier]) -> None:
    """2.2.1 may give one task to two questions; a client may reopen what we work on."""
    given: list[bytes] = []

    def give_again(exchange: Exchange) -> None:
        if len(given) == 1:
            exchange.answer(given[0])
            given.append(b"")
        else:
            given.append(exchange.forward())
            exchange.answer(given[-1])

    def choose(exchange: Exchange) -> Fault | None:
        if exchange.step == "file":
            # Still at work on it when the second take is answered.
            wait_until(lambda: len(given) > 2)
        return give_again if exchange.step == "take" else None

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        task_id, _ = add_picture(api)
        with working(proxy.url, colours) as mine:
            api.wait_for_result(task_id)
            wait_until(lambda: not mine.in_hand())
        assert proxy.steps["file"] == 1
        assert len(proxy.completed[task_id]) == 1


def test_a_result_that_is_refused_becomes_an_error_result(
    tmp_path: Path, colours: list[Classifier]
) -> None:
    """A proxy that thinks the answer too large must not leave the client without any."""

    def choose(exchange: Exchange) -> Fault | None:
        if exchange.step == "complete" and b"probability" in exchange.body:
            return lambda exchange: exchange.answer(whole_answer(413))
        return None

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        task_id, _ = add_picture(api)
        with working(proxy.url, colours, results=tmp_path / "results"):
            result = api.wait_for_result(task_id)
        assert result["code"] == "internal"
        assert "413" in result["error"]


def test_a_result_that_a_working_bridge_never_takes_frees_its_slot(
    tmp_path: Path, colours: list[Classifier]
) -> None:
    """With one slot the next task is done all the same, and the result stays on disk."""
    poisonous = ""

    def choose(exchange: Exchange) -> Fault | None:
        return refuse_results(exchange) if exchange.task_id == poisonous else None

    results = tmp_path / "results"
    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        poisonous, _ = add_picture(api)
        with working(proxy.url, colours, results=results, in_flight=1, patience_s=0.5):
            api.wait_for_result(add_picture(api, 2)[0])
            assert api.status(poisonous) == "inprogress"
            assert len(list(results.iterdir())) == 1


def test_a_task_over_its_time_is_an_error_result(tmp_path: Path, colours: list[Classifier]) -> None:
    """A download that hangs ends with its task's time, and the next task is none the worse."""
    slow = ""

    def choose(exchange: Exchange) -> Fault | None:
        return Exchange.hang if (exchange.step, exchange.task_id) == ("file", slow) else None

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        slow, _ = add_picture(api)
        # Long enough for the next task on a busy machine.
        with working(proxy.url, colours, task_limit_s=5, in_flight=1):
            next_id, right = add_picture(api, 2)
            assert api.wait_for_result(next_id)["predictions"][0]["class"] == right
        assert api.result(slow)["code"] == "timed_out"


def test_a_task_too_large_to_be_looked_at_is_an_error_result(
    tmp_path: Path, colours: list[Classifier]
) -> None:
    """Left over by an earlier life, it would keep this one from ever beginning."""

    def choose(exchange: Exchange) -> Fault | None:
        if exchange.step == "details":
            return lambda exchange: exchange.answer(whole_answer(200, b" " * 17 * 2**20))
        return None

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        task_id, _ = add_picture(api)
        api.json("POST", "tasks/take/", {"type": "classifyimage", "worker": "w"})
        with working(proxy.url, colours):
            assert api.wait_for_result(task_id)["code"] == "too_large"


@pytest.mark.parametrize("status", [400, 404, 405, 410, 418])
def test_a_refusal_of_one_task_stops_nothing(
    tmp_path: Path, colours: list[Classifier], status: int
) -> None:
    """Whatever a server may say to one call, the task gets an answer and the next is taken."""
    odd = ""

    def choose(exchange: Exchange) -> Fault | None:
        if (exchange.step, exchange.task_id) == ("file", odd):
            return lambda exchange: exchange.answer(whole_answer(status))
        return None

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        odd, _ = add_picture(api)
        with working(proxy.url, colours):
            assert api.wait_for_result(odd)["code"] == "file_missing"
            next_id, right = add_picture(api, 2)
            assert api.wait_for_result(next_id)["predictions"][0]["class"] == right


def test_a_result_that_2_2_1_loses_is_sent_again(tmp_path: Path, colours: list[Classifier]) -> None:
    """It says 200, and moved its list at that instant: the task would be in progress for ever."""

    def lose(exchange: Exchange) -> None:
        exchange.answer(whole_answer(200))

    losing = Once("complete", lose)

    def choose(exchange: Exchange) -> Fault | None:
        if exchange.step == "take":
            # Only 2.2.1 gives the whole task, by which it is known.
            return answer_whole_task
        return losing(exchange)

    def answer_whole_task(exchange: Exchange) -> None:
        answer = exchange.forward()
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 200 " in head:
            answer = whole_answer(200, json.dumps({**json.loads(body), "status": "x"}).encode())
        exchange.answer(answer)

    with serving(tmp_path / "bridge") as served, FaultyProxy(served.url, choose) as proxy:
        api = Api(served.url)
        task_id, right = add_picture(api)
        with working(proxy.url, colours):
            assert api.wait_for_result(task_id)["predictions"][0]["class"] == right
