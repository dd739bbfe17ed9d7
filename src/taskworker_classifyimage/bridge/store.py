"""Tasks on disk: every state a task can be in, and the moves between them.

``open --take--> inprogress --complete--> completed``, and ``restart`` leads back to ``open``.
Whatever a call has acknowledged is in the database before the call returns.

The store is called on the event loop: each statement is short and uses an index, which costs less
than handing it to a thread. ``data`` and ``result`` go in and come out as JSON text.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from taskworker_classifyimage.bridge.requirements import NO_REQUIREMENTS, suits
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
)

_NEXT_REQUIREMENTS: Final = """
    SELECT min(requirements) FROM tasks
    WHERE status = 'open' AND type = ? AND requirements > ?"""

_TAKE: Final = """
    UPDATE tasks SET status = 'inprogress', worker = :worker, startedat = :now
    WHERE status = 'open' AND seq = (
        SELECT min((
            SELECT min(seq) FROM tasks
            WHERE status = 'open' AND type = :type AND requirements = suited.value
        )) FROM json_each(:suited) AS suited
    )
    RETURNING id, data"""

_COLUMNS: Final = (
    "id, type, status, has_file, progress, worker, createdat, startedat, completedat, requirements"
)


class BridgeDataError(ConfigError):
    """The data folder cannot be used: in use, unreadable, damaged, or of a newer program."""


@dataclass(frozen=True)
class NewTask:
    """A task as a client adds it.

    Attributes:
        id: made by the server, never by the client.
        type: what kind of worker it is for.
        data: JSON text for the worker, None when the client sent none.
        requirements: text from `requirements.requirements_text`.
        has_file: whether a file was stored under the id.
    """

    id: str
    type: str
    data: str | None = None
    requirements: str = NO_REQUIREMENTS
    has_file: bool = False


@dataclass(frozen=True)
class TakenTask:
    """What a worker gets: the id, and the JSON text of the data if there is any."""

    id: str
    data: str | None


@dataclass(frozen=True)
class TaskState:
    """The columns of a task that are short; times are milliseconds since the epoch."""

    id: str
    type: str
    status: str
    has_file: bool
    progress: int | None
    worker: str | None
    createdat: int
    startedat: int | None
    completedat: int | None
    requirements: str


@dataclass(frozen=True)
class TaskDetails:
    """The whole task; data and result as JSON text, None where there is none."""

    state: TaskState
    data: str | None
    result: str | None


class TaskStore:
    """The tasks of one data folder, in one SQLite database that only this process may open."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the database, make it if it is not there, and keep every other process out.

        Raises:
            BridgeDataError: It cannot be opened; the text says why, for the operator.
        """
        if sqlite3.sqlite_version_info < (3, 35):
            raise BridgeDataError(f"SQLite 3.35 or newer is needed, not {sqlite3.sqlite_version}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                self._path, timeout=0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise BridgeDataError(f"cannot open {self._path}: {error}") from error
        try:
            _prepare(database)
        except sqlite3.Error as error:
            database.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise BridgeDataError(f"{self._path.parent} is in use by another bridge") from error
            raise BridgeDataError(f"cannot use {self._path}: {error}") from error
        except BaseException:
            database.close()
            raise
        self._database = database

    def close(self) -> None:
        """Close the database and let others in; calling it twice does no harm."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def add(self, task: NewTask) -> None:
        """Append an open task."""
        self._rows(
            "INSERT INTO tasks (id, type, has_file, createdat, requirements, data)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (task.id, task.type, task.has_file, self._now_ms(), task.requirements, task.data),
        )

    def take(
        self, task_type: str, worker: str | None, abilities: Mapping[str, object]
    ) -> TakenTask | None:
        """Give the oldest open task of a type that the abilities suit to a worker.

        Args:
            task_type: the type of task.
            worker: name of the worker, None for one that gives no name.
            abilities: a task goes only to a worker that has each of its requirements among these.

        Returns:
            The task, which nobody else gets from now on, or None.
        """
        with self._lock:
            suited = self._suited_requirements(task_type, abilities)
            rows = self._execute(
                _TAKE,
                {
                    "type": task_type,
                    "worker": worker,
                    "now": self._now_ms(),
                    "suited": json.dumps(suited),
                },
            )
        return TakenTask(*rows[0]) if rows else None

    def set_progress(self, task_id: str, progress: int) -> bool:
        """Note how far a task is; False for an unknown task, as in the calls below."""
        return bool(
            self._rows(
                "UPDATE tasks SET progress = ? WHERE id = ? RETURNING seq", (progress, task_id)
            )
        )

    def complete(self, task_id: str, result: str | None) -> bool:
        """Store the result (JSON text) and count it; a second result replaces the first."""
        with self._lock, self._transaction():
            rows = self._execute(
                "UPDATE tasks SET status = 'completed', result = ?, completedat = ?"
                " WHERE id = ? RETURNING type, coalesce(worker, '')",
                (result, self._now_ms(), task_id),
            )
            if rows:
                self._execute(
                    "INSERT INTO completions (type, worker, count) VALUES (?, ?, 1)"
                    " ON CONFLICT DO UPDATE SET count = count + 1",
                    rows[0],
                )
        return bool(rows)

    def restart(self, task_id: str) -> bool:
        """Open a task again, at its old place in the queue, and forget who worked on it."""
        return bool(
            self._rows(
                "UPDATE tasks SET status = 'open', progress = NULL, worker = NULL,"
                " startedat = NULL, completedat = NULL, result = NULL WHERE id = ? RETURNING seq",
                (task_id,),
            )
        )

    def remove(self, task_id: str) -> bool:
        """Delete a task; its file is the caller's to delete, afterwards."""
        return bool(self._rows("DELETE FROM tasks WHERE id = ? RETURNING seq", (task_id,)))

    def state(self, task_id: str) -> TaskState | None:
        """Everything but data and result."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM tasks WHERE id = ?", (task_id,))  # noqa: S608
        return TaskState(*rows[0]) if rows else None

    def details(self, task_id: str) -> TaskDetails | None:
        """Everything there is about a task."""
        rows = self._rows(
            f"SELECT {_COLUMNS}, data, result FROM tasks WHERE id = ?",  # noqa: S608
            (task_id,),
        )
        return TaskDetails(TaskState(*rows[0][:-2]), *rows[0][-2:]) if rows else None

    def page(self, after_seq: int, limit: int) -> tuple[list[TaskState], int]:
        """A part of the list of all tasks, oldest first.

        Args:
            after_seq: 0, then what the call before returned.
            limit: how many tasks at most.

        Returns:
            The tasks, none at the end of the list, and where the next page begins.
        """
        rows = self._rows(
            f"SELECT {_COLUMNS}, seq FROM tasks WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
            (after_seq, limit),
        )
        return [TaskState(*row[:-1]) for row in rows], rows[-1][-1] if rows else after_seq

    def statistics(self) -> dict[str, int]:
        """How many tasks of each type were ever completed, removed ones too."""
        return dict(self._rows("SELECT type, sum(count) FROM completions GROUP BY type"))

    def worker_statistics(self) -> dict[str, dict[str, int]]:
        """The same by worker; completions of tasks that no named worker took are left out."""
        counts: dict[str, dict[str, int]] = {}
        for worker, task_type, count in self._rows(
            "SELECT worker, type, count FROM completions WHERE worker <> '' ORDER BY worker, type"
        ):
            counts.setdefault(worker, {})[task_type] = count
        return counts

    def _suited_requirements(self, task_type: str, abilities: Mapping[str, object]) -> list[str]:
        """The requirements of open tasks that the abilities meet; steps from set to set."""
        suited = [NO_REQUIREMENTS]
        requirements = NO_REQUIREMENTS
        while True:
            [(following,)] = self._execute(_NEXT_REQUIREMENTS, (task_type, requirements))
            if following is None:
                return suited
            requirements = following
            if suits(requirements, abilities):
                suited.append(requirements)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    def _rows(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._execute(statement, parameters)

    def _execute(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """Run one statement to its end; the caller holds the lock."""
        if self._database is None:
            raise BridgeDataError(f"{self._path} is not open")
        return self._database.execute(statement, parameters).fetchall()


def _prepare(database: sqlite3.Connection) -> None:
    """Lock the database and bring it to the newest version."""
    # The operating system drops this lock with the process, even after kill -9, and on Windows too.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    # A commit is in the system's cache when it returns, which outlives kill -9 of this process;
    # only a power cut can lose the last ones, and even that damages nothing.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("BEGIN IMMEDIATE")
    [(version,)] = database.execute("PRAGMA user_version").fetchall()
    if version > len(_MIGRATIONS):
        raise BridgeDataError(
            f"the tasks were written by a newer program (data version {version},"
            f" this program knows up to {len(_MIGRATIONS)})"
        )
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    database.execute("COMMIT")
