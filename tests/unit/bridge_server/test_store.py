"""The task store: states, order, requirements, many takers, many tasks, and what a disk holds."""

import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from taskworker_classifyimage.bridge_server import store as store_module
from taskworker_classifyimage.bridge_server.database import BridgeDataUnusable
from taskworker_classifyimage.bridge_server.records import NewTask, encode_requirements, is_suited
from taskworker_classifyimage.bridge_server.store import Completion, TaskStore

MANY = 100_000
#: A take from an index needs a few hundred steps of SQLite, one that scans needs MANY of them.
FEW_STEPS = 2_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TaskStore]:
    opened = TaskStore(tmp_path / "tasks.sqlite3")
    opened.open()
    yield opened
    opened.close()


def add(store: TaskStore, requirements: dict[str, object] | None = None, **more: Any) -> str:
    task_id = str(uuid.uuid4())
    required = encode_requirements(requirements or {})
    store.add(NewTask(id=task_id, type="t", requirements=required, **more))
    return task_id


def take(store: TaskStore, **abilities: object) -> str | None:
    taken = store.take("t", "w", abilities)
    return taken.id if taken else None


def add_many(store: TaskStore, requirements: str, task_type: str = "t") -> None:
    """Put MANY open tasks into the database by one statement."""
    store._database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO tasks (id, type, has_file, createdat, requirements)"
        " SELECT hex(randomblob(16)), ?, 0, 0, ? FROM n",
        (MANY, task_type, requirements),
    )


def steps_of_take(store: TaskStore, **abilities: object) -> int:
    """How much SQLite does for a take that finds a task: machine steps, in hundreds."""
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


# Requirements


@pytest.mark.parametrize(
    ("required", "ability"),
    [("de", "de"), (1, 1), (1, 1.0), (None, None), (True, True), ([1, {"a": 2}], [1, {"a": 2}])],
)
def test_an_equal_ability_suits(required: object, ability: object) -> None:
    assert suits(encode_requirements({"key": required}), {"key": ability, "other": 1})


@pytest.mark.parametrize(
    ("required", "ability"),
    [
        ("de", "en"),
        (1, "1"),
        (1, True),
        (0, False),
        (0, None),
        ([1], [True]),
        ([1], [1, 2]),
        ([], {}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 0}, {"a": False}),
    ],
)
def test_another_value_does_not_suit(required: object, ability: object) -> None:
    assert not suits(encode_requirements({"key": required}), {"key": ability})


def test_a_missing_ability_does_not_suit_even_null() -> None:
    assert not suits(encode_requirements({"key": None}), {})


def test_equal_requirements_are_stored_as_equal_text() -> None:
    assert encode_requirements({"a": 1, "b": {"c": 2, "d": 3}}) == encode_requirements(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )


def test_requirements_too_deep_to_compare_suit_nobody() -> None:
    deep = '{"key": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert not suits(deep, {"key": []})


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
    assert store.count_completions() == {"t": 1}
    assert store.count_completions_by_worker() == {}


def test_changes_of_unknown_tasks_change_nothing(store: TaskStore) -> None:
    assert not store.set_progress("x", 1)
    assert store.complete("x", "1") is Completion.UNKNOWN
    assert store.complete("x", "1", 1) is Completion.UNKNOWN
    assert store.expire_lease("x", 1) == ""
    assert not store.restart("x")
    assert not store.remove("x")
    assert store.find_state("x") is None
    assert store.find_details("x") is None
    assert store.count_completions() == {}


def test_times_are_milliseconds_of_the_clock(tmp_path: Path) -> None:
    now_s = iter([1.0015, 2.0, 3.0])
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
    page, after = store.list_page(0, 2)
    while page:
        listed += [state.id for state in page]
        page, after = store.list_page(after, 2)
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
    plan = store._database.execute(f"EXPLAIN QUERY PLAN {store_module._REMOVE_FINISHED}", (1, 1))
    text = "\n".join(row[3] for row in plan)
    assert "INDEX finished_tasks (completedat<?)" in text
    assert "SCAN tasks" not in text


def test_tasks_in_progress_are_found_by_their_index(store: TaskStore) -> None:
    plan = store._database.execute(f"EXPLAIN QUERY PLAN {store_module._PAGE_IN_PROGRESS}", (1, 1))
    assert [row[3] for row in plan] == ["SEARCH tasks USING INDEX begun_tasks (seq>?)"]


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
    assert store.count_completions() == {"t": 1}
    assert store.count_completions_by_worker() == {"w": {"t": 1}}
    assert take(store, a=1) == kept


def test_statistics_outlive_their_tasks_and_count_each_worker(store: TaskStore) -> None:
    for worker in ("one", "two", "two"):
        task_id = add(store)
        store.take("t", worker, {})
        store.complete(task_id, None)
        store.remove(task_id)
    assert store.count_completions() == {"t": 3}
    assert store.count_completions_by_worker() == {"one": {"t": 1}, "two": {"t": 2}}


def test_the_tasks_of_a_newer_program_are_left_alone(store: TaskStore) -> None:
    store._database.execute("PRAGMA user_version = 99")
    with pytest.raises(BridgeDataUnusable, match="newer program"):
        reopened(store)
    with sqlite3.connect(store._database._path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (99,)
    database.close()


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "tasks.sqlite3"
    path.write_bytes(b"not a database, but somebody's work\n" * 100)
    with pytest.raises(BridgeDataUnusable, match="cannot use"):
        TaskStore(path).open()
    assert path.read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BridgeDataUnusable, match="cannot open"):
        TaskStore(tmp_path / "file" / "tasks.sqlite3").open()


def test_a_second_store_on_the_same_database_is_refused(store: TaskStore) -> None:
    task_id = add(store)
    with pytest.raises(BridgeDataUnusable, match="in use by another bridge"):
        TaskStore(store._database._path).open()
    script = (
        "import sys; from pathlib import Path;"
        "from taskworker_classifyimage.bridge_server.store import Completion, TaskStore;"
        "TaskStore(Path(sys.argv[1])).open()"
    )
    other = subprocess.run(
        [sys.executable, "-c", script, store._database._path], capture_output=True, check=False
    )
    assert b"in use by another bridge" in other.stderr
    assert take(store) == task_id


def test_a_closed_store_says_so_and_lets_others_in(store: TaskStore) -> None:
    store.close()
    store.close()
    with pytest.raises(BridgeDataUnusable, match="not open"):
        store.count_completions()
    other = TaskStore(store._database._path)
    other.open()
    other.close()


def test_a_failed_completion_counts_nothing(store: TaskStore) -> None:
    task_id = add(store)
    store._database.execute("DROP TABLE completions")
    with pytest.raises(sqlite3.OperationalError):
        store.complete(task_id, "1")
    state = store.find_state(task_id)
    assert state is not None
    assert state.status == "open"


def test_an_error_by_which_sqlite_ends_a_transaction_is_told_as_it_is(store: TaskStore) -> None:
    """A full disk is one, in the midst of a large result: there is nothing left to undo then."""
    task_id = add(store)
    insert = "INSERT OR ROLLBACK INTO completions VALUES ('t', 'w', 1), ('t', 'w', 1)"
    with pytest.raises(sqlite3.IntegrityError), store._database.transaction():
        store._database.execute(insert)
    assert store.count_completions() == {}
    assert store.complete(task_id, "1") is Completion.ACCEPTED
