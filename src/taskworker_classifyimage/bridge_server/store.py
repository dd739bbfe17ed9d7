"""Tasks on disk: the states of a task and the transitions between them.

``open --take--> inprogress --complete--> completed``; ``restart`` leads back to ``open``, and so
does ``expire_lease`` when a lease ends. A change is in the database before its method returns.

The store is called on the event loop: each statement is short and uses an index, which costs less
than handing it to a thread.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec

from taskworker_classifyimage.bridge_server.database import Database
from taskworker_classifyimage.bridge_server.records import (
    NO_REQUIREMENTS,
    NewTask,
    TakenTask,
    TaskDetails,
    TaskState,
    is_suited,
)
from taskworker_classifyimage.bridge_server.retention import Retention

#: How often a task may be taken whose leases expire; after that, it probably kills its workers.
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

#: The fields of `TaskState`, in its order.
_COLUMNS: Final = (
    "id, type, status, createdat, CASE WHEN has_file THEN id END, progress,"
    " startedat, completedat, worker"
)
_STATE: Final = f"SELECT {_COLUMNS} FROM tasks WHERE id = ?"  # noqa: S608 - constants only
_DETAILS: Final = f"""
    SELECT {_COLUMNS}, nullif(requirements, ''), data, result,
        iif(leased AND status = 'inprogress', attempt, 0)
    FROM tasks WHERE id = ?"""  # noqa: S608 - constants only
_PAGE: Final = f"SELECT {_COLUMNS}, seq FROM tasks WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - constants only
_PAGE_IN_PROGRESS: Final = _PAGE.replace("WHERE", "WHERE status = 'inprogress' AND")


class Completion(Enum):
    """What became of a result that a worker sent."""

    #: It is the task's result, or already was.
    ACCEPTED = "accepted"
    #: Another worker has taken the task since and will complete it.
    TAKEN_OVER = "taken over"
    #: There is no such task.
    UNKNOWN = "unknown"


class TaskStore:
    """The tasks of one data folder.

    Attributes:
        retention: removes the tasks that were completed long ago.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = Database(path)
        self._clock = clock
        self.retention = Retention(self._database, wall=clock, monotonic=monotonic)

    def open(self) -> None:
        """Opens the database and locks out every other process.

        Raises:
            BridgeDataUnusable: it cannot be opened; the message tells the operator why.
        """
        self._database.open()
        self.retention.open()

    def close(self) -> None:
        """Closes the database and lets others in; calling it twice does no harm."""
        self._database.close()

    def free_space(self) -> None:
        """Gives the disk some of what removed tasks occupied."""
        self._database.free_space()

    def may_add(self, task: NewTask, most_sets: int) -> bool:
        """Whether open tasks of its type would still have few enough different requirements.

        A take looks at each of them.
        """
        if task.requirements == NO_REQUIREMENTS:
            return True
        known = itertools.islice(self._iterate_requirements(task.type), most_sets)
        others = sum(requirements != task.requirements for requirements in known)
        return others < most_sets

    def add(self, task: NewTask) -> None:
        """Appends an open task."""
        self._database.execute(
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
        """Gives a worker the oldest open task of a type whose requirements it meets.

        Args:
            task_type: the type of task.
            worker: name of the worker, None for one that gives no name.
            abilities: what the task's requirements are compared with.
            leased: whether the worker takes it on lease, so that `expire_lease` may reopen it.

        Returns:
            The task, which no other worker gets from now on, or None.
        """
        rows = self._write(
            _TAKE,
            {
                "type": task_type,
                "worker": worker,
                "now": self._now_ms(),
                "leased": leased,
                "suited": json.dumps(self._list_suited(task_type, abilities)),
            },
        )
        if not rows:
            return None
        [(task_id, data, attempt)] = rows
        return TakenTask(task_id, _to_raw(data), attempt if leased else 0)

    def set_progress(self, task_id: str, progress: int) -> bool:
        """Stores how far a task is; False for an unknown task, as in the methods below."""
        return self._change("UPDATE tasks SET progress = ? WHERE id = ?", progress, task_id)

    def complete(self, task_id: str, result: str | None, attempt: int | None = None) -> Completion:
        """Stores the result and counts it.

        Args:
            task_id: of the task.
            result: JSON text; None for a worker that sends none.
            attempt: that of the worker's `take`: its result is then stored and counted once, and
                only while no other worker has taken the task. None: a second result replaces the
                first.
        """
        return self._database.insist(lambda: self._complete(task_id, result, attempt))

    def _complete(self, task_id: str, result: str | None, attempt: int | None) -> Completion:
        times = {"now": self._now_ms(), "counted": self.retention.now_ms()}
        with self._database.transaction():
            rows = self._database.execute(
                "UPDATE tasks SET status = 'completed', result = :result, completedat = :now,"
                " finishedat = :counted"
                " WHERE id = :id"
                " AND (:attempt IS NULL OR (attempt = :attempt AND status <> 'completed'))"
                " RETURNING type, coalesce(worker, '')",
                times | {"result": result, "id": task_id, "attempt": attempt},
            )
            if rows:
                self._database.execute(
                    "INSERT INTO completions (type, worker, count) VALUES (?, ?, 1)"
                    " ON CONFLICT DO UPDATE SET count = count + 1",
                    rows[0],
                )
                return Completion.ACCEPTED
            known = self._database.execute("SELECT attempt FROM tasks WHERE id = ?", (task_id,))
        if not known:
            return Completion.UNKNOWN
        return Completion.ACCEPTED if known == [(attempt,)] else Completion.TAKEN_OVER

    def restart(self, task_id: str) -> bool:
        """Reopens a task, at its old place in the queue, and forgets who worked on it."""
        return self._change(f"{_REOPEN} WHERE id = ?", task_id)

    def list_leased(self) -> list[tuple[str, int]]:
        """Lists id and attempt of every task that a worker has on lease."""
        return self._database.execute(
            "SELECT id, attempt FROM tasks WHERE status = 'inprogress' AND leased"
        )

    def expire_lease(self, task_id: str, attempt: int) -> str | None:
        """Reopens a task whose lease has expired.

        A task that has been taken `MOST_ATTEMPTS` times is completed with an error instead: it
        would go on to kill workers.

        Returns:
            The task's new status, "open" or "completed"; None if it no longer has this lease.
        """
        if attempt < MOST_ATTEMPTS:
            ended = f"{_REOPEN} WHERE id = ? AND attempt = ? AND status = 'inprogress'"
            return "open" if self._change(ended, task_id, attempt) else None
        state = self.find_state(task_id)
        if state is None or state.status != "inprogress":
            return None
        # The keys of a classifyimage result; clients of other types find the error as well.
        given_up = f"given up: {attempt} workers took this task and none answered"
        result = json.dumps({"error": given_up, "code": "internal", "predictions": []})
        completion = self.complete(task_id, result, attempt)
        return "completed" if completion is Completion.ACCEPTED else None

    def remove(self, task_id: str) -> bool:
        """Deletes a task; the caller deletes its file afterwards."""
        return self._change("DELETE FROM tasks WHERE id = ?", task_id)

    def find_state(self, task_id: str) -> TaskState | None:
        """Reads the short columns of a task."""
        rows = self._database.execute(_STATE, (task_id,))
        return TaskState(*rows[0]) if rows else None

    def find_details(self, task_id: str) -> TaskDetails | None:
        """Reads everything about a task."""
        rows = self._database.execute(_DETAILS, (task_id,))
        if not rows:
            return None
        *state, requirements, data, result, attempt = rows[0]
        texts = map(_to_raw, (requirements, data, result))
        return TaskDetails(*(*state, *texts, attempt))

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

    def _list_suited(self, task_type: str, abilities: Mapping[str, object]) -> list[str]:
        """Lists the requirements of open tasks that the abilities meet, one query for each set."""
        found = self._iterate_requirements(task_type)
        return [NO_REQUIREMENTS, *(each for each in found if is_suited(abilities, each))]

    def _iterate_requirements(self, task_type: str) -> Iterator[str]:
        """The different requirements of open tasks of a type, in the order of their texts."""
        requirements = NO_REQUIREMENTS
        while True:
            [(following,)] = self._database.execute(_NEXT_REQUIREMENTS, (task_type, requirements))
            if following is None:
                return
            requirements = following
            yield requirements

    def _change(self, statement: str, *parameters: object) -> bool:
        """Changes a task; False if there is no such task."""
        return bool(self._write(f"{statement} RETURNING seq", parameters))

    def _write(self, statement: str, parameters: object) -> list[tuple[Any, ...]]:
        return self._database.insist(lambda: self._database.execute(statement, parameters))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _to_raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text)
