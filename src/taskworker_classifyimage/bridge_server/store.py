"""Tasks on disk: every state a task can be in, and the moves between them.

``open --take--> inprogress --complete--> completed``, and ``restart`` leads back to ``open``, as
``run_out`` does where a lease ends. Whatever a call has acknowledged is in the database before the
call returns.

The store is called on the event loop: each statement is short and uses an index, which costs less
than handing it to a thread. ``data`` and ``result`` go in and come out as JSON text.
"""

import json
import time
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Final

from taskworker_classifyimage.bridge_server.database import Database
from taskworker_classifyimage.bridge_server.records import (
    NewTask,
    TakenTask,
    TaskDetails,
    TaskState,
)
from taskworker_classifyimage.bridge_server.requirements import NO_REQUIREMENTS, suits

#: So many leases of one task may run out; then it is more likely what kills its workers.
MOST_ATTEMPTS: Final = 10

_NEXT_REQUIREMENTS: Final = """
    SELECT min(requirements) FROM tasks
    WHERE status = 'open' AND type = ? AND requirements > ?"""

_TAKE: Final = """
    UPDATE tasks SET status = 'inprogress', worker = :worker, startedat = :now,
        attempt = attempt + 1, leased = :leased
    WHERE status = 'open' AND seq = (
        SELECT min((
            SELECT min(seq) FROM tasks
            WHERE status = 'open' AND type = :type AND requirements = suited.value
        )) FROM json_each(:suited) AS suited
    )
    RETURNING id, data, attempt"""

_REOPEN: Final = """
    UPDATE tasks SET status = 'open', progress = NULL, worker = NULL, startedat = NULL,
        completedat = NULL, result = NULL"""

_REMOVE_FINISHED: Final = """
    DELETE FROM tasks WHERE seq IN (
        SELECT seq FROM tasks WHERE status = 'completed' AND completedat < ? LIMIT ?
    )
    RETURNING id, has_file"""

_COLUMNS: Final = (
    "id, type, status, has_file, progress, worker, createdat, startedat, completedat, requirements"
)
_PAGE: Final = f"SELECT {_COLUMNS}, seq FROM tasks WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_PAGE_BEGUN: Final = _PAGE.replace("WHERE", "WHERE status = 'inprogress' AND")


class Completion(Enum):
    """What became of a result that a worker brought."""

    #: It is the task's result, or was it already.
    ACCEPTED = "accepted"
    #: Somebody else has taken the task since, and will answer it.
    TAKEN_OVER = "taken over"
    #: There is no such task.
    UNKNOWN = "unknown"


class TaskStore:
    """The tasks of one data folder."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path)
        self._clock = clock

    def open(self) -> None:
        """Open the database, and keep every other process out.

        Raises:
            BridgeDataError: It cannot be opened; the text says why, for the operator.
        """
        self._database.open()

    def close(self) -> None:
        """Close the database and let others in; calling it twice does no harm."""
        self._database.close()

    def add(self, task: NewTask) -> None:
        """Append an open task."""
        self._database.rows(
            "INSERT INTO tasks (id, type, has_file, createdat, requirements, data)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (task.id, task.type, task.has_file, self._now_ms(), task.requirements, task.data),
        )

    def take(
        self,
        task_type: str,
        worker: str | None,
        abilities: Mapping[str, object],
        *,
        leased: bool = False,
    ) -> TakenTask | None:
        """Give the oldest open task of a type that the abilities suit to a worker.

        Args:
            task_type: the type of task.
            worker: name of the worker, None for one that gives no name.
            abilities: a task goes only to a worker that has each of its requirements among these.
            leased: whether the worker has it on lease, so that `run_out` may open it again.

        Returns:
            The task, which nobody else gets from now on, or None.
        """
        rows = self._database.rows(
            _TAKE,
            {
                "type": task_type,
                "worker": worker,
                "now": self._now_ms(),
                "leased": leased,
                "suited": json.dumps(self._suited_requirements(task_type, abilities)),
            },
        )
        return TakenTask(*rows[0]) if rows else None

    def set_progress(self, task_id: str, progress: int) -> bool:
        """Note how far a task is; False for an unknown task, as in the calls below."""
        return self._change("UPDATE tasks SET progress = ? WHERE id = ?", progress, task_id)

    def complete(self, task_id: str, result: str | None, attempt: int | None = None) -> Completion:
        """Store the result (JSON text) and count it.

        Args:
            task_id: of the task.
            result: JSON text; None for a worker that brings none.
            attempt: that of the worker's `take`, so that its result comes in once, and only while
                nobody else has taken the task. None: a second result replaces the first.
        """
        with self._database.transaction():
            rows = self._database.rows(
                "UPDATE tasks SET status = 'completed', result = :result, completedat = :now"
                " WHERE id = :id"
                " AND (:attempt IS NULL OR (attempt = :attempt AND status <> 'completed'))"
                " RETURNING type, coalesce(worker, '')",
                {"result": result, "now": self._now_ms(), "id": task_id, "attempt": attempt},
            )
            if rows:
                self._database.rows(
                    "INSERT INTO completions (type, worker, count) VALUES (?, ?, 1)"
                    " ON CONFLICT DO UPDATE SET count = count + 1",
                    rows[0],
                )
                return Completion.ACCEPTED
            known = self._database.rows("SELECT attempt FROM tasks WHERE id = ?", (task_id,))
        if not known:
            return Completion.UNKNOWN
        return Completion.ACCEPTED if known == [(attempt,)] else Completion.TAKEN_OVER

    def restart(self, task_id: str) -> bool:
        """Open a task again, at its old place in the queue, and forget who worked on it."""
        return self._change(f"{_REOPEN} WHERE id = ?", task_id)

    def leased(self) -> list[tuple[str, int]]:
        """Id and attempt of every task that a worker has on lease."""
        return [
            (task_id, attempt)
            for task_id, attempt in self._database.rows(
                "SELECT id, attempt FROM tasks WHERE status = 'inprogress' AND leased"
            )
        ]

    def run_out(self, task_id: str, attempt: int) -> str:
        """End a lease: the task is open again, unless it was done or taken over in the meantime.

        A task that was taken too often is answered with an error: it would go on to kill workers.

        Returns:
            "open" or "completed", "" where there was nothing left to end.
        """
        if attempt < MOST_ATTEMPTS:
            ended = f"{_REOPEN} WHERE id = ? AND attempt = ? AND status = 'inprogress'"
            return "open" if self._change(ended, task_id, attempt) else ""
        state = self.state(task_id)
        if state is None or state.status != "inprogress":
            return ""
        # The keys that clients of pictures look for; other clients find the error as well.
        given_up = f"given up: {attempt} workers took this task and none answered"
        result = json.dumps({"error": given_up, "code": "internal", "predictions": []})
        return "completed" if self.complete(task_id, result, attempt) is Completion.ACCEPTED else ""

    def remove(self, task_id: str) -> bool:
        """Delete a task; its file is the caller's to delete, afterwards."""
        return self._change("DELETE FROM tasks WHERE id = ?", task_id)

    def remove_finished(self, age_s: float, limit: int) -> list[tuple[str, bool]]:
        """Delete tasks that were completed so long ago, `limit` of them at most.

        Returns:
            The id of each, and whether it has a file, which is the caller's to delete.
        """
        rows = self._database.rows(_REMOVE_FINISHED, (self._now_ms() - int(age_s * 1000), limit))
        return [(task_id, bool(has_file)) for task_id, has_file in rows]

    def state(self, task_id: str) -> TaskState | None:
        """Everything but data and result."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM tasks WHERE id = ?",  # noqa: S608
            (task_id,),
        )
        return TaskState(*rows[0]) if rows else None

    def details(self, task_id: str) -> TaskDetails | None:
        """Everything there is about a task."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, data, result,"  # noqa: S608
            " CASE WHEN leased AND status = 'inprogress' THEN attempt END"
            " FROM tasks WHERE id = ?",
            (task_id,),
        )
        return TaskDetails(TaskState(*rows[0][:-3]), *rows[0][-3:]) if rows else None

    def page(
        self, after_seq: int, limit: int, *, is_begun: bool = False
    ) -> tuple[list[TaskState], int]:
        """A part of the list of all tasks, oldest first.

        Args:
            after_seq: 0, then what the call before returned.
            limit: how many tasks at most.
            is_begun: only tasks that are in progress.

        Returns:
            The tasks, none at the end of the list, and where the next page begins.
        """
        rows = self._database.rows(_PAGE_BEGUN if is_begun else _PAGE, (after_seq, limit))
        return [TaskState(*row[:-1]) for row in rows], rows[-1][-1] if rows else after_seq

    def statistics(self) -> dict[str, int]:
        """How many tasks of each type were ever completed, removed ones too."""
        return dict(self._database.rows("SELECT type, sum(count) FROM completions GROUP BY type"))

    def worker_statistics(self) -> dict[str, dict[str, int]]:
        """The same by worker; completions of tasks that no named worker took are left out."""
        counts: dict[str, dict[str, int]] = {}
        for worker, task_type, count in self._database.rows(
            "SELECT worker, type, count FROM completions WHERE worker <> '' ORDER BY worker, type"
        ):
            counts.setdefault(worker, {})[task_type] = count
        return counts

    def _suited_requirements(self, task_type: str, abilities: Mapping[str, object]) -> list[str]:
        """The requirements of open tasks that the abilities meet; steps from set to set."""
        suited = [NO_REQUIREMENTS]
        requirements = NO_REQUIREMENTS
        while True:
            [(following,)] = self._database.rows(_NEXT_REQUIREMENTS, (task_type, requirements))
            if following is None:
                return suited
            requirements = following
            if suits(requirements, abilities):
                suited.append(requirements)

    def _change(self, statement: str, *parameters: object) -> bool:
        """Whether the statement found its task."""
        return bool(self._database.rows(f"{statement} RETURNING seq", parameters))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
