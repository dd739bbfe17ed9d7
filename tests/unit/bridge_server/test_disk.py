"""The ballast: space that is kept, given up when the disk is full, and kept again."""

import sqlite3
from pathlib import Path

import pytest

from taskworker_classifyimage.bridge_server.disk import BALLAST_BYTES, Ballast
from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.store import TaskStore


def test_a_ballast_is_written_once_and_deleted_once(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast")
    ballast.fill()
    ballast.fill()
    assert (tmp_path / "ballast").stat().st_size == BALLAST_BYTES
    assert ballast.release()
    assert not ballast.release()
    assert list(tmp_path.iterdir()) == []


def test_a_ballast_that_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Ballast(tmp_path / "file" / "ballast").fill()


def test_a_result_that_finds_the_disk_full_gives_up_the_ballast(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit on the database's pages is SQLite's own: it fails as on a full disk."""
    store = TaskStore(tmp_path / "tasks.sqlite3")
    ballast = tmp_path / "tasks.sqlite3-ballast"
    store.open()
    try:
        store.add(NewTask("a", "t"))
        store._database.execute("PRAGMA max_page_count = 1")
        assert ballast.exists()
        with pytest.raises(sqlite3.OperationalError, match="full"):
            store.complete("a", "x" * 100_000)
        assert not ballast.exists()
        assert "bridge.ballast_used" in caplog.text
        assert store.remove("a")
        store.free_space()
        assert ballast.exists()
    finally:
        store.close()
