"""Leases in the store: who holds a task, and whose result counts after a lease has expired."""

import json
import uuid

from msgspec import Raw

from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.store import MOST_ATTEMPTS, Completion, TaskStore


def add(store: TaskStore) -> str:
    task_id = str(uuid.uuid4())
    store.add(NewTask(id=task_id, type="t"))
    return task_id


def lease(store: TaskStore) -> int:
    """Takes the next task on lease and returns the attempt."""
    taken = store.take("t", "w", {}, leased=True)
    assert taken is not None
    return taken.attempt


# Whose result counts


def test_each_take_has_a_number_of_its_own(store: TaskStore) -> None:
    task_id = add(store)
    attempts = []
    for give_back in (store.restart, lambda each: store.expire_lease(each, 2), store.restart):
        attempts.append(lease(store))
        assert give_back(task_id)
    assert attempts == [1, 2, 3]


def test_a_task_whose_lease_has_expired_is_as_new_at_its_old_place(store: TaskStore) -> None:
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
    assert store.overviews.count_completions() == {"t": 1}


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
    assert details.result == Raw('"present"')
    assert store.overviews.count_completions() == {"t": 1}


def test_a_result_that_is_sent_again_counts_once(store: TaskStore) -> None:
    """The response to the first may have been lost."""
    task_id = add(store)
    attempt = lease(store)
    assert store.complete(task_id, '"first"', attempt) is Completion.ACCEPTED
    assert store.complete(task_id, '"again"', attempt) is Completion.ACCEPTED
    details = store.find_details(task_id)
    assert details is not None
    assert details.result == Raw('"first"')
    assert store.overviews.count_completions() == {"t": 1}


def test_a_lease_that_ended_otherwise_ends_nothing(store: TaskStore) -> None:
    done, taken_over = add(store), add(store)
    first, second = lease(store), lease(store)
    store.complete(done, "1", first)
    store.restart(taken_over)
    lease(store)
    assert store.expire_lease(done, first) is None
    assert store.expire_lease(taken_over, second) is None
    state = store.find_state(taken_over)
    assert state is not None
    assert state.status == "inprogress"


def test_a_task_that_kills_its_workers_is_given_up(store: TaskStore) -> None:
    """Otherwise one worker after the other would take it and die."""
    task_id = add(store)
    ends = [store.expire_lease(task_id, lease(store)) for _ in range(MOST_ATTEMPTS)]
    assert ends == ["open"] * (MOST_ATTEMPTS - 1) + ["completed"]
    details = store.find_details(task_id)
    assert details is not None
    assert json.loads(bytes(details.result or b"")) == {
        "error": "given up: 10 workers took this task and none answered",
        "code": "internal",
        "predictions": [],
    }
    assert store.expire_lease(task_id, MOST_ATTEMPTS) is None


def test_only_tasks_on_lease_are_leased(store: TaskStore) -> None:
    first, second = add(store), add(store)
    lease(store)
    store.take("t", "old worker", {})
    assert store.list_leased() == [(first, 1)]
    details = store.find_details(second)
    assert details is not None
    assert details.attempt == 0
    store.complete(first, None, 1)
    assert store.list_leased() == []
