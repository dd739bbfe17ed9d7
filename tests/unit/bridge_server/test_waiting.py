"""Calls that wait: a take until there is a task, a question for a status until it is done."""

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.http_client import Answer
from support.in_process import BridgeOnFolder, form, serving
from support.waiting import LONG_S, wait_until
from taskworker_classifyimage.bridge_server import expiry, routes
from taskworker_classifyimage.bridge_server.limits import Limits


@contextmanager
def in_background(
    bridge: BridgeOnFolder, *calls: Callable[[], Answer]
) -> Iterator[list[Future[Answer]]]:
    """Makes calls that wait; the block begins when the bridge has them all."""
    with ThreadPoolExecutor(len(calls)) as executor:
        futures = [executor.submit(call) for call in calls]
        wait_until(lambda: count_waiting(bridge) == len(calls))
        yield futures


def count_waiting(bridge: BridgeOnFolder) -> int:
    waiting = bridge.server.waiting
    return waiting.takes + waiting.statuses


def waiting_take(bridge: BridgeOnFolder, **more: object) -> Callable[[], Answer]:
    asked = {"type": "t", "worker": "w", "wait": 30, **more}
    return lambda: bridge.post("tasks/take/", asked)


def status(bridge: BridgeOnFolder, task_id: str, wait: object = 30) -> Answer:
    return bridge.get(f"tasks/status/{task_id}/?wait={wait}")


def add(bridge: BridgeOnFolder, requirements: dict[str, object]) -> str:
    text = json.dumps({"type": "t", "requirements": requirements})
    return str(bridge.add_form(form(text.encode())).json()["id"])


# A take


def test_a_task_that_is_added_goes_to_the_take_that_waits(bridge: BridgeOnFolder) -> None:
    with in_background(bridge, waiting_take(bridge)) as (taken,):
        task_id = bridge.add()
        assert taken.result(LONG_S).json() == {"id": task_id}


def test_a_task_that_is_restarted_goes_to_the_take_that_waits(bridge: BridgeOnFolder) -> None:
    task_id = bridge.add()
    assert bridge.take() == task_id
    with in_background(bridge, waiting_take(bridge)) as (taken,):
        assert bridge.get(f"tasks/restart/{task_id}/").status == 200
        assert taken.result(LONG_S).json() == {"id": task_id}


def test_a_task_whose_lease_ends_goes_to_the_take_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "REOPEN_INTERVAL_S", 0.01)
    with serving(tmp_path, Limits(lease_s=0.3)) as bridge:
        task_id = bridge.add()
        bridge.post("tasks/take/", {"type": "t", "worker": "dead", "lease": True})
        with in_background(bridge, waiting_take(bridge)) as (taken,):
            assert taken.result(LONG_S).json() == {"id": task_id}


def test_each_task_goes_to_one_take_that_can_do_it(bridge: BridgeOnFolder) -> None:
    english, both = {"language": "en"}, [{"language": "de"}]
    calls = (
        waiting_take(bridge, worker="en", abilities=english),
        waiting_take(bridge, worker="both", abilities=english, others=both),
        waiting_take(bridge, worker="other", type="another type"),
    )
    with in_background(bridge, *calls) as (by_english, by_both, by_other):
        german = add(bridge, {"language": "de"})
        assert by_both.result(LONG_S).json() == {"id": german}
        assert not by_english.done()
        any_language = add(bridge, {})
        assert by_english.result(LONG_S).json() == {"id": any_language}
        assert not by_other.done()
        other = bridge.add_form(form(b'{"type": "another type"}')).json()["id"]
        assert by_other.result(LONG_S).json() == {"id": other}


def test_a_take_that_finds_a_task_does_not_wait(bridge: BridgeOnFolder) -> None:
    task_id = bridge.add()
    assert waiting_take(bridge)().json() == {"id": task_id}


def test_a_take_waits_no_longer_than_it_says(bridge: BridgeOnFolder) -> None:
    assert waiting_take(bridge, wait=0.01)().status == 404
    assert waiting_take(bridge, wait=-1)().status == 400


@pytest.mark.parametrize("second", ["waits", "asks later"])
def test_a_task_is_not_given_to_a_worker_that_has_gone(bridge: BridgeOnFolder, second: str) -> None:
    body = b'{"type": "t", "worker": "gone", "wait": 30}'
    with bridge.connect() as gone:
        head = bridge.head(
            "tasks/take/", "Content-Type: application/json", f"Content-Length: {len(body)}"
        )
        gone.sendall(head + body)
        wait_until(lambda: count_waiting(bridge) == 1)
        gone.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: count_waiting(bridge) == 0)
    if second == "waits":
        with in_background(bridge, waiting_take(bridge)) as (taken,):
            task_id = bridge.add()
            assert taken.result(LONG_S).json() == {"id": task_id}
    else:
        task_id = bridge.add()
        assert bridge.status(task_id) == "open"
        assert bridge.take() == task_id


# A status


def test_a_status_is_answered_as_soon_as_the_task_is_done(bridge: BridgeOnFolder) -> None:
    task_id = bridge.add()
    bridge.take()
    with in_background(bridge, lambda: status(bridge, task_id)) as (answer,):
        bridge.post(f"tasks/progress/{task_id}/", {"progress": 50})
        bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
        assert answer.result(LONG_S).json() == {"status": "completed", "progress": 50}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda bridge, task_id: bridge.get(f"tasks/restart/{task_id}/"), (200, "open")),
        (lambda bridge, task_id: bridge.delete(f"tasks/remove/{task_id}/"), (404, None)),
    ],
)
def test_a_status_is_answered_when_the_task_is_taken_away(
    bridge: BridgeOnFolder, end: Callable[[BridgeOnFolder, str], Answer], expected: tuple[int, Any]
) -> None:
    task_id = bridge.add()
    bridge.take()
    with in_background(bridge, lambda: status(bridge, task_id)) as (answered,):
        assert end(bridge, task_id).status == 200
        answer = answered.result(LONG_S)
        assert (answer.status, answer.json().get("status")) == expected


def test_a_status_waits_for_nobody_if_no_worker_has_the_task(bridge: BridgeOnFolder) -> None:
    """A thousand open tasks can be asked for one after the other."""
    task_id = bridge.add()
    assert status(bridge, task_id).json() == {"status": "open"}


def test_a_status_waits_a_moment_for_a_worker_that_asks_again_and_again(
    bridge: BridgeOnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_SOON_S", 30.0)
    monkeypatch.setattr(routes, "_NEXT_TASKS", 2)
    assert bridge.take() is None
    first, second, third = bridge.add(), bridge.add(), bridge.add()
    assert status(bridge, third).json() == {"status": "open"}
    with in_background(bridge, lambda: status(bridge, second)) as (answer,):
        for task_id in (first, second):
            assert bridge.take() == task_id
            bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
        assert answer.result(LONG_S).json() == {"status": "completed"}


def test_a_status_waits_a_second_unless_it_is_told_otherwise(
    bridge: BridgeOnFolder,
) -> None:
    task_id = bridge.add()
    bridge.take()
    with in_background(bridge, lambda: bridge.get(f"tasks/status/{task_id}")) as (answer,):
        bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
        assert answer.result(LONG_S).json() == {"status": "completed"}


@pytest.mark.parametrize("wait", ["0", "0.0", "1e-3"])
def test_a_status_that_wants_no_wait_is_answered_at_once(bridge: BridgeOnFolder, wait: str) -> None:
    task_id = bridge.add()
    bridge.take()
    assert status(bridge, task_id, wait).json() == {"status": "inprogress"}


@pytest.mark.parametrize("wait", ["x", "-1", "nan", ""])
def test_a_wait_that_is_no_time_is_refused(bridge: BridgeOnFolder, wait: str) -> None:
    task_id = bridge.add()
    answer = status(bridge, task_id, wait)
    assert (answer.status, answer.json()) == (400, {"error": "'wait' is not a number of seconds"})


# Many, and the end


def test_a_call_without_a_place_is_answered_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(connections=2)) as bridge:
        task_id = bridge.add()
        bridge.take()
        calls = [lambda: status(bridge, task_id)] * 2
        with in_background(bridge, *calls) as answers:
            assert status(bridge, task_id).json() == {"status": "inprogress"}
            assert waiting_take(bridge)().status == 404
            bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
            assert [each.result(LONG_S).json()["status"] for each in answers] == ["completed"] * 2


def test_calls_that_wait_do_not_give_way_to_those_that_work(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(connections=4)) as bridge:
        calls = [waiting_take(bridge)] * 4
        with in_background(bridge, *calls) as answers:
            added = {bridge.add() for _ in range(20)}
            taken = {each.result(LONG_S).json()["id"] for each in answers}
        assert len(taken) == 4
        assert taken < added


def test_a_stop_ends_every_wait(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        with serving(tmp_path) as bridge:
            task_id = bridge.add()
            bridge.take()
            asked = executor.submit(lambda: status(bridge, task_id))
            taken = executor.submit(waiting_take(bridge))
            wait_until(lambda: count_waiting(bridge) == 2)
        assert asked.result(LONG_S).json() == {"status": "inprogress"}
        assert taken.result(LONG_S).status == 404


def test_the_roster_says_who_waits(bridge: BridgeOnFolder) -> None:
    about = {"abilities": {"model": "Lite2", "device": "cpu", "library": "ort"}, "version": "1.2"}
    with in_background(bridge, waiting_take(bridge, worker="waiter", **about)) as (taken,):
        [listed] = [w for w in bridge.get("workers/list/").json() if w["name"] == "waiter"]
        assert listed == {
            "name": "waiter",
            "type": "t",
            "status": "idle",
            "lastping": 0,
            "waiting": True,
            "model": "Lite2",
            "library": "ort",
            "device": "cpu",
            "version": "1.2",
        }
        task_id = bridge.add()
        assert taken.result(LONG_S).status == 200
    bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
    [listed] = [w for w in bridge.get("workers/list/").json() if w["name"] == "waiter"]
    assert (listed["status"], listed["persecond"]) == ("working", 0.1)
    assert "waiting" not in listed
