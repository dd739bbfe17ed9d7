"""SQLite: tables of files and predictions, which others may query while the run goes on."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.rows import Row, to_text
from taskworker_classifyimage.local.sqlite_errors import raising_os_errors
from taskworker_classifyimage.outputs.cells import (
    path_text,
    read_categories,
    read_predictions,
    read_text,
    read_warnings,
)

#: Tells such a file from other databases: "twci" in ASCII.
_APPLICATION_ID: Final = 0x74776369
#: Raised by each change of the tables.
_VERSION: Final = 1
#: How long a change waits for another program that writes into the file.
_BUSY_S: Final = 60.0
#: How long the end waits for readers before it leaves the log beside the file to them.
_LAST_READERS_S: Final = 5.0

_SCHEMA: Final = """
CREATE TABLE files (
    path TEXT NOT NULL PRIMARY KEY, status TEXT NOT NULL, code TEXT, error TEXT, size INTEGER,
    modified TEXT, sha256 TEXT, duration REAL, warnings TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE predictions (
    path TEXT NOT NULL, rank INTEGER NOT NULL, class TEXT NOT NULL, name TEXT NOT NULL,
    probability REAL NOT NULL, PRIMARY KEY (path, rank)
) WITHOUT ROWID;
CREATE TABLE run (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE checkpoint (bytes INTEGER NOT NULL);
INSERT INTO checkpoint VALUES (0);
CREATE VIEW best AS
    SELECT files.path, class, name, probability FROM files
    JOIN predictions ON predictions.path = files.path AND rank = 1;
"""
#: Only in files of runs with categories; ranks count within a level.
_CATEGORIES: Final = """
CREATE TABLE categories (
    path TEXT NOT NULL, level TEXT NOT NULL, rank INTEGER NOT NULL, id TEXT NOT NULL,
    name TEXT NOT NULL, probability REAL NOT NULL, PRIMARY KEY (path, level, rank)
) WITHOUT ROWID;
"""
_DELETIONS: Final = (
    "DELETE FROM files WHERE path = ?",
    "DELETE FROM predictions WHERE path = ?",
    "DELETE FROM categories WHERE path = ?",
)
_MARKS: Final = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_VERSION};"


def remove(path: Path) -> None:
    """Deletes a file that nobody has open, with the log that a kill may have left beside it.

    Raises:
        OSError: it cannot be deleted.
    """
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


class SqliteFile:
    """One file of results; used by one thread at a time."""

    def __init__(self, keeps: Callable[[Row], bool] | None = None) -> None:
        """Opens nothing; `keeps` tells which rows belong into it, None: all."""
        self._keeps = keeps
        self._path = Path()
        self._database: sqlite3.Connection | None = None
        self._has_categories = False

    def open(self, path: Path, *, has_categories: bool = False) -> None:
        """Opens a file that such a run left, or begins a new one.

        The file has its own name from the beginning: while it is open, a log lies beside it that
        has to have the same name.

        Args:
            path: of the file.
            has_categories: whether a new file has a table for them.

        Raises:
            ConfigError: the file is something else.
            OSError: it cannot be opened or written.
        """
        self._path = path
        with self._translated():
            self._database = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(self._database, _CATEGORIES if has_categories else "")
                self._has_categories = has_categories
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Closes the file as it is; calling it twice does no harm."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def offset(self) -> int:
        """Up to which byte of the checkpoint the rows are in the file.

        Raises:
            OSError: it cannot be read.
        """
        with self._translated():
            return int(self._opened.execute("SELECT bytes FROM checkpoint").fetchone()[0])

    def add(self, rows: Iterable[Row], offset: int) -> None:
        """Adds rows, all or none; a row takes the place of an earlier one of the same path.

        Args:
            rows: the rows of the checkpoint between the offset before and this one.
            offset: see there.

        Raises:
            OSError: they cannot be written, such as on a full disk; those before are kept.
        """
        deletions = _DELETIONS if self._has_categories else _DELETIONS[:2]
        with self._transaction() as database:
            for row in rows:
                for deletion in deletions:
                    database.execute(deletion, (path_text(row.path),))
                if self._keeps is None or self._keeps(row):
                    _insert(database, row)
                    if self._has_categories:
                        _insert_categories(database, row)
            database.execute("UPDATE checkpoint SET bytes = ?", (offset,))

    def finish(self, run: Mapping[str, object]) -> None:
        """Adds what is true of the whole run, closes the file, and leaves it without a log.

        A reader that does not end in time keeps its log beside the file, which goes with it.

        Raises:
            OSError: it cannot be written.
        """
        with self._transaction() as database:
            database.execute("DELETE FROM run")
            database.executemany("INSERT INTO run VALUES (?, ?)", map(_to_pair, run.items()))
        with self._translated():
            database.execute(f"PRAGMA busy_timeout = {int(_LAST_READERS_S * 1000)}")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            try:
                database.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.OperationalError as err:
                if err.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            self.close()

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise ValueError("the file is not open")
        return self._database

    def _prepare(self, database: sqlite3.Connection, more: str) -> None:
        [(tables,)] = database.execute("SELECT count(*) FROM sqlite_schema")
        [(application,)] = database.execute("PRAGMA application_id")
        [(version,)] = database.execute("PRAGMA user_version")
        if tables and application != _APPLICATION_ID:
            raise ConfigError(f"{self._path} is a database of another program")
        if tables and version != _VERSION:
            raise ConfigError(f"{self._path} was written by another version of this program")
        # Readers then never wait, and never make the run wait.
        database.execute("PRAGMA journal_mode = WAL")
        # A kill loses nothing, a power cut the latest rows; the offset tells which.
        database.execute("PRAGMA synchronous = NORMAL")
        if not tables:
            database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {more} {_MARKS} COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._opened
        with self._translated():
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back already, as it does when the disk is full.
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raises what every other output raises, so that nobody above names SQLite."""
        with raising_os_errors(self._path):
            try:
                yield
            except sqlite3.DatabaseError as err:
                if getattr(err, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
                    raise ConfigError(f"{self._path} is no SQLite database") from None
                raise


def _insert(database: sqlite3.Connection, row: Row) -> None:
    path = path_text(row.path)
    database.execute(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            path,
            row.status,
            read_text(row, "code"),
            read_text(row, "error"),
            row.size_bytes,
            None if row.modified_ns is None else to_text(row.modified_ns),
            row.sha256,
            row.result.get("duration"),
            "; ".join(read_warnings(row)),
        ),
    )
    database.executemany(
        "INSERT INTO predictions VALUES (?, ?, ?, ?, ?)",
        (
            (path, rank, each.class_id, each.name, each.probability)
            for rank, each in enumerate(read_predictions(row), start=1)
        ),
    )


def _insert_categories(database: sqlite3.Connection, row: Row) -> None:
    path, ranks, entries = path_text(row.path), Counter[str](), []
    for each in read_categories(row):
        ranks[each.level] += 1
        entries.append((path, each.level, ranks[each.level], each.id, each.name, each.probability))
    database.executemany("INSERT INTO categories VALUES (?, ?, ?, ?, ?, ?)", entries)


def _to_pair(entry: tuple[str, object]) -> tuple[str, str]:
    """A text as it is, so that a query need not unpack it; everything else as JSON."""
    key, value = entry
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return key, value.encode("utf-8", "backslashreplace").decode()
