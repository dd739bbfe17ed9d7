"""Leases: who holds a task, until when, and whose result counts once the time is over."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clock import Clock
from support.in_process import serving
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server import database
from taskworker_classifyimage.bridge_server.expiry import LeaseTimes
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.store import MOST_ATTEMPTS, Completion, TaskStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TaskStore]:
    opened = TaskStore(tmp_path / "tasks.sqlite3")
    opened.open()
    yield opened
    opened.close()


def add(store: TaskStore) -> str:
    task_id = str(uuid.uuid4())
    store.add(NewTask(id=task_id, type="t"))
    return task_id


def lease(store: TaskStore) -> int:
    """Takes the next task on lease and gives the attempt."""
    taken = store.take("t", "w", {}, leased=True)
    assert taken is not None
    return taken.attempt


# Until when


def test_leases_run_out_in_their_order_and_stay_until_they_are_ended() -> None:
    clock = Clock()
    leases = LeaseTimes(60, clock=clock)
    leases.begin("a", 1)
    clock.now_s += 30
    leases.begin("b", 7)
    clock.now_s += 30
    assert leases.list_expired() == leases.list_expired() == [("a", 1)]
    clock.now_s += 30
    assert leases.list_expired() == [("a", 1), ("b", 7)]
    leases.end("a")
    leases.end("a")
    assert leases.list_expired() == [("b", 7)]


def test_a_renewed_lease_runs_its_whole_length_again() -> None:
    clock = Clock()
    leases = LeaseTimes(60, clock=clock)
    leases.begin("a", 1)
    leases.begin("b", 1)
    clock.now_s += 59
    assert leases.renew("a", 1)
    clock.now_s += 59
    assert leases.list_expired() == [("b", 1)]
    clock.now_s += 1
    assert leases.list_expired() == [("b", 1), ("a", 1)]


def test_only_the_holder_renews() -> None:
    leases = LeaseTimes(60)
    leases.begin("a", 2)
    assert not leases.renew("a", 1)
    assert not leases.renew("b", 2)
    leases.end("a")
    assert not leases.renew("a", 2)


# Whose result counts


def test_each_take_has_a_number_of_its_own(store: TaskStore) -> None:
    task_id = add(store)
    attempts = []
    for give_back in (store.restart, lambda each: store.expire_lease(each, 2), store.restart):
        attempts.append(lease(store))
        assert give_back(task_id)
    assert attempts == [1, 2, 3]


def test_a_task_whose_lease_ran_out_is_as_new_at_its_old_place(store: TaskStore) -> None:
    first, second = add(store), add(store)
    before = store.find_details(first)
    attempt = lease(store)
    store.set_progress(first, 50)
    assert store.expire_lease(first, attempt) == "open"
    assert store.find_details(first) == before
    lease(store)
    lease(store)
    assert store.list_leased() == [(first, 2), (second, 1)]


def test_a_late_result_counts_while_nobody_else_has_the_task(store: TaskStore) -> None:
    task_id = add(store)
    attempt = lease(store)
    store.expire_lease(task_id, attempt)
    assert store.complete(task_id, '"late"', attempt) is Completion.ACCEPTED
    assert store.take("t", "w", {}) is None
    assert store.count_completions() == {"t": 1}


def test_a_late_result_is_refused_once_somebody_else_has_the_task(store: TaskStore) -> None:
    task_id = add(store)
    late = lease(store)
    store.expire_lease(task_id, late)
    present = lease(store)
    assert store.complete(task_id, '"late"', late) is Completion.TAKEN_OVER
    assert store.complete(task_id, '"present"', present) is Completion.ACCEPTED
    assert store.complete(task_id, '"late"', late) is Completion.TAKEN_OVER
    details = store.find_details(task_id)
    assert details is not None
    assert details.result == '"present"'
    assert store.count_completions() == {"t": 1}


def test_a_result_that_is_sent_again_counts_once(store: TaskStore) -> None:
    """The first answer may have been lost on its way."""
    task_id = add(store)
    attempt = lease(store)
    assert store.complete(task_id, '"first"', attempt) is Completion.ACCEPTED
    assert store.complete(task_id, '"again"', attempt) is Completion.ACCEPTED
    details = store.find_details(task_id)
    assert details is not None
    assert details.result == '"first"'
    assert store.count_completions() == {"t": 1}


def test_a_lease_that_ended_otherwise_ends_nothing(store: TaskStore) -> None:
    done, taken_over = add(store), add(store)
    first, second = lease(store), lease(store)
    store.complete(done, "1", first)
    store.restart(taken_over)
    lease(store)
    assert store.expire_lease(done, first) == ""
    assert store.expire_lease(taken_over, second) == ""
    state = store.find_state(taken_over)
    assert state is not None
    assert state.status == "inprogress"


def test_a_task_that_kills_its_workers_is_given_up(store: TaskStore) -> None:
    """Otherwise it would be handed to one worker after the other for ever."""
    task_id = add(store)
    ends = [store.expire_lease(task_id, lease(store)) for _ in range(MOST_ATTEMPTS)]
    assert ends == ["open"] * (MOST_ATTEMPTS - 1) + ["completed"]
    details = store.find_details(task_id)
    assert details is not None
    assert json.loads(details.result or "") == {
        "error": "given up: 10 workers took this task and none answered",
        "code": "internal",
        "predictions": [],
    }
    assert store.expire_lease(task_id, MOST_ATTEMPTS) == ""


def test_only_tasks_on_lease_are_leased(store: TaskStore) -> None:
    first, second = add(store), add(store)
    lease(store)
    store.take("t", "old worker", {})
    assert store.list_leased() == [(first, 1)]
    details = store.find_details(second)
    assert details is not None
    assert details.attempt is None
    store.complete(first, None, 1)
    assert store.list_leased() == []


# Over restarts


def test_a_restart_of_the_bridge_gives_every_lease_its_whole_length_again(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(lease_s=1e6)) as bridge:
        task_id = bridge.add()
        taken = bridge.post("tasks/take/", {"type": "t", "worker": "w", "lease": True}).json()
    with serving(tmp_path, Limits(lease_s=0.5)) as bridge:
        renewal = {"attempt": taken["attempt"]}
        assert bridge.post(f"tasks/renew/{task_id}/", renewal).status == 200
        wait_until(lambda: bridge.get(f"tasks/status/{task_id}/").json() == {"status": "open"})
        assert bridge.post(f"tasks/renew/{task_id}/", renewal).status == 409


def test_tasks_of_the_first_release_are_taken_on(tmp_path: Path) -> None:
    path = tmp_path / "tasks.sqlite3"
    with sqlite3.connect(path) as old:
        for statement in database._MIGRATIONS[0]:
            old.execute(statement)
        for name, status in (("a", "inprogress"), ("b", "open"), ("c", "completed")):
            old.execute(
                "INSERT INTO tasks (id, type, status, has_file, createdat, requirements)"
                " VALUES (?, 't', ?, 0, 1, '')",
                (name, status),
            )
        old.execute("PRAGMA user_version = 1")
    old.close()
    store = TaskStore(path)
    store.open()
    try:
        assert store.list_leased() == []
        assert store.complete("a", "1") is Completion.ACCEPTED
        taken = store.take("t", "w", {}, leased=True)
        assert taken is not None
        assert (taken.id, taken.attempt) == ("b", 1)
    finally:
        store.close()
