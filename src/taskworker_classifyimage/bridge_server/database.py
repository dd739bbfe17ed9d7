"""The SQLite file of the bridge: only one process opens it, and every change is atomic.

A statement is committed when `execute` returns, unless it runs inside a `transaction`. On a full
disk, `insist` uses the space that the ballast kept.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from taskworker_classifyimage.bridge_server.disk import BALLAST_BYTES, Ballast
from taskworker_classifyimage.errors import ConfigError

_log = logging.getLogger(__name__)

_Made = TypeVar("_Made")

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
    (
        # When a task was completed, in the counted time of `retention`.
        "ALTER TABLE tasks ADD COLUMN finishedat INTEGER",
        "UPDATE tasks SET finishedat = completedat WHERE status = 'completed'",
        "DROP INDEX finished_tasks",
        """CREATE INDEX finished_tasks ON tasks (finishedat)
            WHERE status = 'completed'""",
        """CREATE TABLE counted_time (
            seq INTEGER PRIMARY KEY,
            now INTEGER NOT NULL,
            ahead INTEGER NOT NULL,
            doubted INTEGER,
            trusted INTEGER
        )""",
        # The clock may be wrong now: counted time begins with the latest time that is known.
        """INSERT INTO counted_time (seq, now, ahead) SELECT 1, latest, 0 FROM (
            SELECT max(max(createdat, coalesce(startedat, 0), coalesce(completedat, 0))) AS latest
            FROM tasks
        ) WHERE latest IS NOT NULL""",
    ),
    (
        # Of a release that took requirements of any size; each take would parse them again.
        """UPDATE tasks SET requirements = '{"(requirements were too large)": true}'
            WHERE length(requirements) > 4096""",
    ),
    (
        # Why tasks failed; a table of its own, as a column would lie behind the long ones.
        """CREATE TABLE failures (
            seq INTEGER PRIMARY KEY,
            error TEXT NOT NULL
        )""",
        """INSERT INTO failures (seq, error)
            SELECT seq, substr(
                CASE json_type(result, '$.code') WHEN 'text'
                    THEN json_extract(result, '$.code') || ': ' ELSE '' END
                || json_extract(result, '$.error'), 1, 300)
            FROM tasks
            WHERE status = 'completed' AND CASE WHEN json_valid(result)
                THEN json_type(result) = 'object' AND json_type(result, '$.error') = 'text'
                ELSE 0 END""",
        """CREATE TRIGGER removed_failure AFTER DELETE ON tasks
            BEGIN DELETE FROM failures WHERE seq = old.seq; END""",
        """CREATE TRIGGER reopened_failure AFTER UPDATE OF status ON tasks
            WHEN new.status = 'open'
            BEGIN DELETE FROM failures WHERE seq = old.seq; END""",
    ),
)


#: How much is given back to the disk at once: 16 MiB, so that calls need not wait for long.
_FREED_PAGES: Final = 4096


class BridgeDataUnusable(ConfigError):
    """The data folder is in use, unreadable, damaged, or written by a newer version."""


class DatabaseDamaged(sqlite3.DatabaseError):
    """The file is no database, or a part of it cannot be read; the message says what to do."""

    def __init__(self, path: Path, err: sqlite3.Error) -> None:
        super().__init__(
            f"{path} is damaged ({err}): stop the bridge and keep a copy of the file; then restore"
            f" a backup, rescue what can be read with 'sqlite3 {path} .recover', or move the file"
            " away to begin without tasks"
        )


class Database:
    """One SQLite file that only this process may open; the constructor opens nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._ballast = Ballast(path.with_name(f"{path.name}-ballast"))

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
            self._prepare(connection)
        except sqlite3.Error as err:
            connection.close()
            raise BridgeDataUnusable(self._explain(err)) from err
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._ballast.fill()

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
            DatabaseDamaged: the file is damaged.
            sqlite3.Error: the disk is full or fails.
        """
        with self._lock:
            if self._connection is None:
                raise BridgeDataUnusable(f"{self._path} is not open")
            try:
                return self._connection.execute(statement, parameters).fetchall()
            except sqlite3.DatabaseError as err:
                if _is_damage(err):
                    raise DatabaseDamaged(self._path, err) from err
                raise

    def insist(self, change: Callable[[], _Made]) -> _Made:
        """Makes a change that must be possible on a full disk too; the ballast gives the space.

        Raises:
            sqlite3.Error: the disk is full, and the ballast was not enough or is used up.
        """
        try:
            return change()
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode != sqlite3.SQLITE_FULL or not self._ballast.release():
                raise
            _log.error("bridge.ballast_used folder=%s", self._path.parent)
            return change()

    def free_space(self) -> None:
        """Gives the disk some of what removed tasks occupied, and writes the ballast again."""
        with self._lock:
            [(free_pages,)] = self.execute("PRAGMA freelist_count")
            if free_pages and self._connection is not None:
                # As a script: `execute` would free one page only.
                self._connection.executescript(
                    f"PRAGMA incremental_vacuum({_FREED_PAGES}); PRAGMA wal_checkpoint(TRUNCATE)"
                )
        self._ballast.fill()

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

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Opens, and once more without the ballast if the disk is full."""
        try:
            _migrate(connection)
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode != sqlite3.SQLITE_FULL or not self._ballast.release():
                raise
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            _migrate(connection)

    def _explain(self, err: sqlite3.Error) -> str:
        match err.sqlite_errorcode:
            case sqlite3.SQLITE_BUSY:
                return f"{self._path.parent} is in use by another bridge"
            case sqlite3.SQLITE_FULL:
                return f"cannot use {self._path}: the disk is full; make room on it"
        if _is_damage(err):
            return str(DatabaseDamaged(self._path, err))
        return f"cannot use {self._path}: {err}"


def _is_damage(err: sqlite3.Error) -> bool:
    # A damaged file raises both kinds of error; the low byte is the primary code.
    code = getattr(err, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _migrate(connection: sqlite3.Connection) -> None:
    """Locks the file and migrates it to the newest version."""
    # The operating system drops this lock with the process, even after kill -9, and on Windows too.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # It counts for a new file: what removed tasks occupied can then be given back to the disk.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is in the system's cache when it returns, so it survives kill -9 of this process; a
    # power cut can lose the latest commits and damages nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    # After a large result the log gives the disk back what is more than it usually needs.
    connection.execute(f"PRAGMA journal_size_limit = {BALLAST_BYTES}")
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
    if version < len(_MIGRATIONS):
        # Not each time: on a full disk nothing can be written.
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")
