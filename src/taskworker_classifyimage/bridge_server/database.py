"""The SQLite file of the bridge: one process alone opens it, and nothing in it is half written.

Every statement is committed when `rows` returns, unless it stands in a `transaction`.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from taskworker_classifyimage.errors import ConfigError

#: Each entry lifts the database by one version; an entry that was released is never changed.
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
        # Tasks with the same requirements lie together: one look-up per set, not one per task.
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
        # How often the task was taken; it only grows, so a number names one take for ever.
        "ALTER TABLE tasks ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tasks ADD COLUMN leased INTEGER NOT NULL DEFAULT 0",
        """CREATE INDEX finished_tasks ON tasks (completedat)
            WHERE status = 'completed'""",
    ),
    (
        # Few tasks at any time: workers that start ask for them.
        """CREATE INDEX begun_tasks ON tasks (seq)
            WHERE status = 'inprogress'""",
    ),
)


class BridgeDataError(ConfigError):
    """The data folder cannot be used: in use, unreadable, damaged, or of a newer program."""


class Database:
    """One SQLite file that only this process may open; the constructor opens nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, make it if it is not there, and keep every other process out.

        Raises:
            BridgeDataError: It cannot be opened; the text says why, for the operator.
        """
        if sqlite3.sqlite_version_info < (3, 35):
            raise BridgeDataError(f"SQLite 3.35 or newer is needed, not {sqlite3.sqlite_version}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise BridgeDataError(f"cannot open {self._path}: {error}") from error
        try:
            _prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise BridgeDataError(f"{self._path.parent} is in use by another bridge") from error
            raise BridgeDataError(f"cannot use {self._path}: {error}") from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def close(self) -> None:
        """Close the file and let others in; calling it twice does no harm."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def rows(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """Run one statement to its end and give its rows.

        Raises:
            BridgeDataError: The database is not open.
            sqlite3.Error: The disk is full, or worse.
        """
        with self._lock:
            if self._connection is None:
                raise BridgeDataError(f"{self._path} is not open")
            return self._connection.execute(statement, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside take effect together, or none does."""
        with self._lock:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # SQLite may have done so by itself, where the disk is full.
                if self._connection is not None and self._connection.in_transaction:
                    self.rows("ROLLBACK")
                raise
            self.rows("COMMIT")


def _prepare(connection: sqlite3.Connection) -> None:
    """Lock the file and bring it to the newest version."""
    # The operating system drops this lock with the process, even after kill -9, and on Windows too.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is in the system's cache when it returns, which outlives kill -9 of this process;
    # only a power cut can lose the last ones, and even that damages nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    if version > len(_MIGRATIONS):
        raise BridgeDataError(
            f"the tasks were written by a newer program (data version {version},"
            f" this program knows up to {len(_MIGRATIONS)})"
        )
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")
