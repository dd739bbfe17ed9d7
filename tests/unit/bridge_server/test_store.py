"""The task store: states, order, many workers, many tasks, and what is on disk."""

import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from taskworker_classifyimage.bridge_server import overviews, retention
from taskworker_classifyimage.bridge_server import store as store_module
from taskworker_classifyimage.bridge_server.records import NewTask, encode_requirements
from taskworker_classifyimage.bridge_server.store import Completion, TaskStore

#: A take from an index needs a few hundred steps of SQLite, one that scans at least `MANY`.
MANY = 20_000
FEW_STEPS = 2_000


def add(store: TaskStore, requirements: dict[str, object] | None = None, **more: Any) -> str:
    task_id = str(uuid.uuid4())
    required = encode_requirements(requirements or {})
    store.add(NewTask(id=task_id, type="t", requirements=required, **more))
    return task_id


def take(store: TaskStore, **abilities: object) -> str | None:
    taken = store.take("t", "w", abilities)
    return taken.id if taken else None


def add_many(store: TaskStore, requirements: str, task_type: str = "t") -> None:
    """Adds `MANY` open tasks in one statement."""
    store._database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO tasks (id, type, has_file, createdat, requirements)"
        " SELECT hex(randomblob(16)), ?, 0, 0, ? FROM n",
        (MANY, task_type, requirements),
    )


def steps_of_take(store: TaskStore, **abilities: object) -> int:
    """Counts the virtual machine steps of a take that finds a task, in hundreds."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 100
        return 0

    connection = store._database._connection
    assert connection is not None
    connection.set_progress_handler(count, 100)
    assert take(store, **abilities) is not None
    connection.set_progress_handler(None, 0)
    return counted


def reopened(store: TaskStore) -> TaskStore:
    store.close()
    store.open()
    return store


# Taking


def test_the_oldest_suited_task_is_taken_with_or_without_requirements(store: TaskStore) -> None:
    german = add(store, {"language": "de"})
    free = add(store)
    english = add(store, {"language": "en"})
    later_german = add(store, {"language": "de"})
    last_free = add(store)
    assert take(store, language="en") == free
    assert take(store, language="en") == english
    assert take(store, language="de") == german
    assert take(store, language="de") == later_german
    assert take(store) == last_free
    assert take(store) is None


def test_a_task_may_have_several_requirements(store: TaskStore) -> None:
    task_id = add(store, {"language": "de", "gpu": True})
    assert take(store, language="de") is None
    assert take(store, language="de", gpu=1) is None
    assert take(store, language="de", gpu=True) == task_id


def test_a_restarted_task_is_as_new_at_its_old_place(store: TaskStore) -> None:
    first, second = add(store, data="1"), add(store)
    before = store.find_details(first)
    take(store)
    store.set_progress(first, 50)
    store.complete(first, "2")
    assert store.restart(first)
    assert store.find_details(first) == before
    assert [take(store), take(store)] == [first, second]


def test_a_completed_task_that_was_never_taken_is_open_no_more(store: TaskStore) -> None:
    task_id = add(store)
    assert store.complete(task_id, None) is Completion.ACCEPTED
    assert take(store) is None
    assert store.overviews.count_completions() == {"t": 1}
    assert store.overviews.count_completions_by_worker() == {}


def test_changes_of_unknown_tasks_change_nothing(store: TaskStore) -> None:
    assert not store.set_progress("x", 1)
    assert store.complete("x", "1") is Completion.UNKNOWN
    assert store.complete("x", "1", 1) is Completion.UNKNOWN
    assert store.expire_lease("x", 1) is None
    assert not store.restart("x")
    assert not store.remove("x")
    assert store.find_state("x") is None
    assert store.find_details("x") is None
    assert store.overviews.count_completions() == {}


def test_times_are_milliseconds_of_the_clock(tmp_path: Path) -> None:
    # The first is read by the start.
    now_s = iter([1.0, 1.0015, 2.0, 3.0])
    store = TaskStore(tmp_path / "tasks.sqlite3", clock=lambda: next(now_s))
    store.open()
    task_id = add(store)
    take(store)
    store.complete(task_id, None)
    state = store.find_state(task_id)
    store.close()
    assert state is not None
    assert (state.createdat, state.startedat, state.completedat) == (1001, 2000, 3000)


def test_pages_hold_every_task_once_in_order(store: TaskStore) -> None:
    added = [add(store) for _ in range(7)]
    store.remove(added.pop(3))
    listed: list[str] = []
    page, after = store.overviews.list_page(0, 2)
    while page:
        listed += [state.id for state in page]
        page, after = store.overviews.list_page(after, 2)
    assert listed == added


def test_eight_threads_never_take_the_same_task(store: TaskStore) -> None:
    added = [add(store, {"n": n % 3} if n % 2 else None) for n in range(400)]

    def take_all(_: int) -> list[str]:
        mine = []
        while (task_id := take(store, n=0) or take(store, n=1) or take(store, n=2)) is not None:
            mine.append(task_id)
        return mine

    with ThreadPoolExecutor(8) as threads:
        taken = [task_id for mine in threads.map(take_all, range(8)) for task_id in mine]
    assert sorted(taken) == sorted(added)


# Many tasks


def test_a_take_stays_an_index_search(store: TaskStore) -> None:
    values = {"type": "t", "worker": "w", "now": 1, "suited": "[]", "leased": False}
    for statement, parameters in (
        (store_module._TAKE, values),
        (store_module._NEXT_REQUIREMENTS, ("t", "")),
    ):
        plan = store._database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        text = "\n".join(row[3] for row in plan)
        assert "INDEX open_tasks (type=? AND requirements" in text
        assert "SCAN tasks" not in text


def test_finished_tasks_are_found_by_their_index(store: TaskStore) -> None:
    plan = store._database.execute(f"EXPLAIN QUERY PLAN {retention._REMOVE_FINISHED}", (1, 1))
    text = "\n".join(row[3] for row in plan)
    assert "INDEX finished_tasks (finishedat<?)" in text
    assert "SCAN tasks" not in text


def test_tasks_in_progress_are_found_by_their_index(store: TaskStore) -> None:
    plan = store._database.execute(f"EXPLAIN QUERY PLAN {overviews._PAGE_IN_PROGRESS}", (1, 1))
    assert plan[0][3] == "SEARCH tasks USING INDEX begun_tasks (seq>?)"
    assert "SCAN" not in "".join(row[3] for row in plan)


def test_a_take_among_many_open_tasks_takes_few_steps(store: TaskStore) -> None:
    add_many(store, requirements="")
    assert steps_of_take(store) < FEW_STEPS


def test_many_tasks_that_suit_nobody_do_not_slow_a_take(store: TaskStore) -> None:
    for language in ("fr", "tlh"):
        add_many(store, encode_requirements({"language": language}))
    add(store)
    add(store, {"language": "de"})
    assert steps_of_take(store, language="de") < FEW_STEPS
    assert steps_of_take(store, language="de") < FEW_STEPS


def test_many_finished_tasks_do_not_slow_a_take(store: TaskStore) -> None:
    add_many(store, requirements="")
    store._database.execute("UPDATE tasks SET status = 'completed'")
    add(store)
    assert steps_of_take(store) < FEW_STEPS


# What the disk holds


def test_everything_is_there_after_reopening(store: TaskStore) -> None:
    kept = add(store, {"a": 1}, data='{"b": 2}', has_file=True)
    done = add(store)
    take(store)
    store.set_progress(done, 3)
    store.complete(done, '"result"')
    removed = add(store)
    store.remove(removed)
    before = [store.find_details(kept), store.find_details(done)]
    store = reopened(store)
    assert [store.find_details(kept), store.find_details(done)] == before
    assert store.find_state(removed) is None
    assert store.overviews.count_completions() == {"t": 1}
    assert store.overviews.count_completions_by_worker() == {"w": {"t": 1}}
    assert take(store, a=1) == kept


def test_statistics_outlive_their_tasks_and_count_each_worker(store: TaskStore) -> None:
    for worker in ("one", "two", "two"):
        task_id = add(store)
        store.take("t", worker, {})
        store.complete(task_id, None)
        store.remove(task_id)
    assert store.overviews.count_completions() == {"t": 3}
    assert store.overviews.count_completions_by_worker() == {"one": {"t": 1}, "two": {"t": 2}}


def test_a_failed_completion_counts_nothing(store: TaskStore) -> None:
    task_id = add(store)
    store._database.execute("DROP TABLE completions")
    with pytest.raises(sqlite3.OperationalError):
        store.complete(task_id, "1")
    state = store.find_state(task_id)
    assert state is not None
    assert state.status == "open"
