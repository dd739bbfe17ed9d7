"""Lists and counts of all tasks, for people and for workers that start."""

import json
from collections.abc import Sequence
from typing import Final

from taskworker_classifyimage.bridge_server.database import Database
from taskworker_classifyimage.bridge_server.records import StateCounts, TaskState

#: Columns of tasks: the fields of `TaskState`, in its order.
STATE_COLUMNS: Final = (
    "id, type, status, createdat, CASE WHEN has_file THEN id END, progress,"
    " startedat, completedat, worker,"
    " (SELECT error FROM failures WHERE failures.seq = tasks.seq)"
)
_PAGE: Final = f"SELECT {STATE_COLUMNS}, seq FROM tasks WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - constants only
_PAGE_IN_PROGRESS: Final = _PAGE.replace("WHERE", "WHERE status = 'inprogress' AND")

#: How many places in the queue one page of the newest tasks looks at.
_LOOKED_AT: Final = 5000
#: The conditions that choose tasks by status; None: all tasks.
STATUS_FILTERS: Final = {
    None: "TRUE",
    "open": "status = 'open'",
    "inprogress": "status = 'inprogress'",
    "completed": "status = 'completed'",
    "failed": "seq IN (SELECT seq FROM failures)",
}
#: Each is an index of its own.
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM tasks WHERE status = 'open'),
        (SELECT count(*) FROM tasks WHERE status = 'inprogress'),
        (SELECT count(*) FROM tasks WHERE status = 'completed'),
        (SELECT count(*) FROM failures)"""


class Overviews:
    """Reads the tasks of a database that the caller opens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_page(
        self, after_seq: int, limit: int, *, only_in_progress: bool = False
    ) -> tuple[list[TaskState], int]:
        """Lists a part of all tasks, oldest first.

        Args:
            after_seq: 0, then what the previous call returned.
            limit: how many tasks at most.
            only_in_progress: leaves out open and completed tasks.

        Returns:
            The tasks, none at the end of the list, and where the next page begins.
        """
        statement = _PAGE_IN_PROGRESS if only_in_progress else _PAGE
        rows = self._database.execute(statement, (after_seq, limit))
        return [TaskState(*row[:-1]) for row in rows], rows[-1][-1] if rows else after_seq

    def list_newest(
        self, before_seq: int | None, limit: int, status: str | None = None
    ) -> tuple[list[TaskState], int]:
        """Lists a part of all tasks, newest first.

        Args:
            before_seq: None, then what the previous call returned.
            limit: how many tasks at most.
            status: of the tasks: a status or "failed"; None: all.

        Returns:
            The tasks, and where the next page begins; 0: this was the last one.
        """
        if before_seq is None:
            [(before_seq,)] = self._database.execute("SELECT coalesce(max(seq), 0) + 1 FROM tasks")
        statement = f"""
            SELECT {STATE_COLUMNS}, seq FROM tasks
            WHERE seq < ? AND seq >= ? AND {STATUS_FILTERS[status]}
            ORDER BY seq DESC LIMIT ?"""  # noqa: S608 - constants only
        after_seq = max(0, before_seq - _LOOKED_AT)
        rows = self._database.execute(statement, (before_seq, after_seq, limit))
        next_seq = rows[-1][-1] if len(rows) == limit else after_seq
        return [TaskState(*row[:-1]) for row in rows], next_seq

    def find_states(self, task_ids: Sequence[str]) -> list[TaskState]:
        """Reads the short columns of tasks, in no particular order; unknown ids are left out."""
        statement = f"""
            SELECT {STATE_COLUMNS} FROM tasks
            WHERE id IN (SELECT value FROM json_each(?))"""  # noqa: S608 - constants only
        rows = self._database.execute(statement, (json.dumps(task_ids),))
        return [TaskState(*row) for row in rows]

    def count_states(self) -> StateCounts:
        """Counts the tasks in each status."""
        return StateCounts(*self._database.execute(_COUNTS)[0])

    def find_oldest_open(self) -> int | None:
        """When the first open task of the queue was added, in ms since the epoch; None: none is."""
        rows = self._database.execute(
            "SELECT createdat FROM tasks"
            " WHERE seq = (SELECT min(seq) FROM tasks WHERE status = 'open')"
        )
        return rows[0][0] if rows else None

    def count_in_flight(self) -> dict[tuple[str, str], int]:
        """Counts the tasks in progress of each named worker and type."""
        rows = self._database.execute(
            "SELECT worker, type, count(*) FROM tasks"
            " WHERE status = 'inprogress' AND worker IS NOT NULL GROUP BY worker, type"
        )
        return {(worker, task_type): count for worker, task_type, count in rows}

    def count_completions(self) -> dict[str, int]:
        """Counts the results of each type of task, those of removed tasks too."""
        return dict(
            self._database.execute("SELECT type, sum(count) FROM completions GROUP BY type")
        )

    def count_completions_by_worker(self) -> dict[str, dict[str, int]]:
        """Counts the same by worker; tasks that no named worker took are left out."""
        counts: dict[str, dict[str, int]] = {}
        for worker, task_type, count in self._database.execute(
            "SELECT worker, type, count FROM completions WHERE worker <> '' ORDER BY worker, type"
        ):
            counts.setdefault(worker, {})[task_type] = count
        return counts
