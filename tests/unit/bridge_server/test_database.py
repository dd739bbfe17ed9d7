"""The database file: what it refuses to open, what it locks, and what a transaction undoes."""

import sqlite3
from pathlib import Path

import pytest

from taskworker_classifyimage.bridge_server import database
from taskworker_classifyimage.bridge_server.database import BridgeDataUnusable
from taskworker_classifyimage.bridge_server.records import NewTask, TakenTask
from taskworker_classifyimage.bridge_server.store import Completion, TaskStore


def test_the_tasks_of_a_newer_program_are_left_alone(store: TaskStore) -> None:
    store._database.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(BridgeDataUnusable, match="newer program"):
        store.open()
    with sqlite3.connect(store._database._path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (99,)
    database.close()


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "tasks.sqlite3"
    path.write_bytes(b"not a database, but somebody's work\n" * 100)
    with pytest.raises(BridgeDataUnusable, match=r"is damaged .*restore a backup"):
        TaskStore(path).open()
    assert path.read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BridgeDataUnusable, match="cannot open"):
        TaskStore(tmp_path / "file" / "tasks.sqlite3").open()


def test_a_second_store_on_the_same_database_is_refused(store: TaskStore) -> None:
    store.add(NewTask("a", "t"))
    with pytest.raises(BridgeDataUnusable, match="in use by another bridge"):
        TaskStore(store._database._path).open()
    assert store.take("t", "w", {}) == TakenTask("a")


def test_a_closed_store_says_so_and_lets_others_in(store: TaskStore) -> None:
    store.close()
    store.close()
    with pytest.raises(BridgeDataUnusable, match="not open"):
        store.overviews.count_completions()
    other = TaskStore(store._database._path)
    other.open()
    other.close()


def test_an_error_by_which_sqlite_ends_a_transaction_is_raised_as_it_is(store: TaskStore) -> None:
    """A full disk is one, in the middle of a large result: SQLite has rolled back already."""
    store.add(NewTask("a", "t"))
    insert = "INSERT OR ROLLBACK INTO completions VALUES ('t', 'w', 1), ('t', 'w', 1)"
    with pytest.raises(sqlite3.IntegrityError), store._database.transaction():
        store._database.execute(insert)
    assert store.overviews.count_completions() == {}
    assert store.complete("a", "1") is Completion.ACCEPTED


def test_tasks_of_the_first_release_are_migrated(tmp_path: Path) -> None:
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
