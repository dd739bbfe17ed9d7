"""The SQLite file of the bridge: only one process opens it, and every change is atomic.

A statement is committed when `execute` returns, unless it runs inside a `transaction`.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from taskworker_classifyimage.errors import ConfigError

#: Each entry raises the version of the database by one; a released entry is never changed.
_MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # The long columns come last, so that listing tasks does not read their pages.
        """CREATE TABLE tasks (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            type TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'open',
            has_file INTEGER NOT NULL,
            progress INTEGER,
            worker TEXT,
            createdat INTEGER NOT NULL,
            startedat INTEGER,
            completedat INTEGER,
            requirements TEXT NOT NULL,
            data TEXT,
            result TEXT
        )""",
        # Tasks with equal requirements are adjacent: one look-up per set, not one per task.
        """CREATE INDEX open_tasks ON tasks (type, requirements, seq)
            WHERE status = 'open'""",
        """CREATE TABLE completions (
            type TEXT NOT NULL,
            worker TEXT NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (type, worker)
        ) WITHOUT ROWID""",
    ),
    (
        # How often the task was taken; it only grows, so each number identifies one take.
        "ALTER TABLE tasks ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tasks ADD COLUMN leased INTEGER NOT NULL DEFAULT 0",
        """CREATE INDEX finished_tasks ON tasks (completedat)
            WHERE status = 'completed'""",
    ),
    (
        # Few tasks at any time; each worker that starts asks for them.
        """CREATE INDEX begun_tasks ON tasks (seq)
            WHERE status = 'inprogress'""",
    ),
)


class BridgeDataUnusable(ConfigError):
    """The data folder is in use, unreadable, damaged, or written by a newer version."""


class Database:
    """One SQLite file that only this process may open; the constructor opens nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Opens the file, creates it if it is missing, and locks out every other process.

        Raises:
            BridgeDataUnusable: it cannot be opened; the message tells the operator why.
        """
        if sqlite3.sqlite_version_info < (3, 35):
            raise BridgeDataUnusable(
                f"SQLite 3.35 or newer is needed, not {sqlite3.sqlite_version}"
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as err:
            raise BridgeDataUnusable(f"cannot open {self._path}: {err}") from err
        try:
            _prepare(connection)
        except sqlite3.Error as err:
            connection.close()
            if err.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise BridgeDataUnusable(
                    f"{self._path.parent} is in use by another bridge"
                ) from err
            raise BridgeDataUnusable(f"cannot use {self._path}: {err}") from err
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def close(self) -> None:
        """Closes the file and lets others in; calling it twice does no harm."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def execute(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and fetches all its rows.

        Raises:
            BridgeDataUnusable: the database is not open.
            sqlite3.Error: the disk is full, or the file is damaged.
        """
        with self._lock:
            if self._connection is None:
                raise BridgeDataUnusable(f"{self._path} is not open")
            return self._connection.execute(statement, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes all statements inside take effect together, or none of them."""
        with self._lock:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # SQLite may have rolled back already, as it does when the disk is full.
                if self._connection is not None and self._connection.in_transaction:
                    self.execute("ROLLBACK")
                raise
            self.execute("COMMIT")


def _prepare(connection: sqlite3.Connection) -> None:
    """Locks the file and migrates it to the newest version."""
    # The operating system drops this lock with the process, even after kill -9, and on Windows too.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is in the system's cache when it returns, so it survives kill -9 of this process; a
    # power cut can lose the latest commits and damages nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    if version > len(_MIGRATIONS):
        raise BridgeDataUnusable(
            f"the tasks were written by a newer program (data version {version},"
            f" this program reads up to {len(_MIGRATIONS)})"
        )
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")
