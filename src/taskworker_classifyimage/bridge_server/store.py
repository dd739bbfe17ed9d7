"""Tasks on disk: the states of a task and the transitions between them.

``open --take--> inprogress --complete--> completed``; ``restart`` leads back to ``open``, and so
does ``expire_lease`` when a lease ends. A change is in the database before its method returns.

The store is called on the event loop: each statement is short and uses an index, which costs less
than handing it to a thread.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec

from taskworker_classifyimage.bridge_server.changes import Change, Listener
from taskworker_classifyimage.bridge_server.database import Database
from taskworker_classifyimage.bridge_server.outcome import find_error
from taskworker_classifyimage.bridge_server.overviews import STATE_COLUMNS, Overviews
from taskworker_classifyimage.bridge_server.records import (
    NO_REQUIREMENTS,
    NewTask,
    TakenTask,
    TaskDetails,
    TaskResult,
    TaskState,
    is_suited,
)
from taskworker_classifyimage.bridge_server.retention import Retention

#: How often a task may be taken whose leases expire; after that, it probably kills its workers.
MOST_ATTEMPTS: Final = 10

#: A take of several tasks ends with the one whose data exceed this; workers limit their answers.
_TAKEN_DATA_BYTES: Final = 2**18

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

_OLDER: Final = """
    SELECT count(*) FROM (
        SELECT 1 FROM tasks AS asked JOIN tasks AS older
            ON older.type = asked.type AND older.requirements = asked.requirements
            AND older.seq < asked.seq
        WHERE asked.id = ? AND older.status = 'open' LIMIT ?)"""

_REOPEN: Final = """
    UPDATE tasks SET status = 'open', progress = NULL, worker = NULL, startedat = NULL,
        completedat = NULL, result = NULL"""

_STATE: Final = f"SELECT {STATE_COLUMNS} FROM tasks WHERE id = ?"  # noqa: S608 - constants only
_DETAILS: Final = f"""
    SELECT {STATE_COLUMNS}, nullif(requirements, ''), data, result,
        iif(leased AND status = 'inprogress', attempt, 0)
    FROM tasks WHERE id = ?"""  # noqa: S608 - constants only


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
        listeners: are told of each change.
        overviews: lists and counts tasks.
        retention: knows which tasks were completed long ago.
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
        self.listeners: list[Listener] = []
        self.overviews = Overviews(self._database)
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
        self._tell(Change(task.id, "open", task.type, task.requirements))

    def take(
        self,
        task_type: str,
        worker: str | None,
        abilities: Mapping[str, object],
        *,
        leased: bool = False,
    ) -> TakenTask | None:
        """Gives a worker one task, see `take_several`; None if there is none for it."""
        taken = self.take_several(1, task_type, worker, abilities, leased=leased)
        return taken[0] if taken else None

    def take_several(
        self,
        most: int,
        task_type: str,
        worker: str | None,
        abilities: Mapping[str, object],
        *others: Mapping[str, object],
        leased: bool,
    ) -> list[TakenTask]:
        """Gives a worker the oldest open tasks of a type whose requirements it meets.

        Args:
            most: how many tasks it wants.
            task_type: the type of task.
            worker: name of the worker, None for one that gives no name.
            abilities: what the task's requirements are compared with.
            others: further abilities; one of them is enough.
            leased: whether the worker takes them on lease, so that `expire_lease` may reopen them.

        Returns:
            The tasks, which no other worker gets from now on.
        """
        parameters = {
            "type": task_type,
            "worker": worker,
            "now": self._now_ms(),
            "leased": leased,
            "suited": json.dumps(self._list_suited(task_type, (abilities, *others))),
        }
        rows = self._database.insist(lambda: self._take(parameters, most))
        for task_id, _, _ in rows:
            self._tell(Change(task_id, "inprogress", task_type, worker=worker))
        return [
            TakenTask(task_id, _to_raw(data), attempt if leased else 0)
            for task_id, data, attempt in rows
        ]

    def _take(self, parameters: Mapping[str, object], most: int) -> list[tuple[Any, ...]]:
        """Id, data and attempt of up to so many tasks, all taken or none."""
        if most == 1:
            return self._database.execute(_TAKE, parameters)
        taken: list[tuple[Any, ...]] = []
        data_bytes = 0
        with self._database.transaction():
            while len(taken) < most and data_bytes <= _TAKEN_DATA_BYTES:
                rows = self._database.execute(_TAKE, parameters)
                if not rows:
                    break
                taken += rows
                data_bytes += len(rows[0][1] or "")
        return taken

    def set_progress(self, task_id: str, progress: int) -> bool:
        """Stores how far a task is; False for an unknown task, as in the methods below."""
        is_known = self._change("UPDATE tasks SET progress = ? WHERE id = ?", progress, task_id)
        if is_known:
            self._tell(Change(task_id, "inprogress"))
        return is_known

    def complete(self, task_id: str, result: str | None, attempt: int | None = None) -> Completion:
        """Stores one result, see `complete_all`."""
        [completion] = self.complete_all([TaskResult(task_id, result, attempt)])
        return completion

    def complete_all(self, results: Sequence[TaskResult]) -> list[Completion]:
        """Stores results and counts them, all of them or, if that fails, none.

        A result that names the attempt of its worker's `take` is stored and counted once, and only
        while no other worker has taken the task. Otherwise a second result replaces the first.

        Returns:
            What became of each.
        """
        completions, changes = self._database.insist(lambda: self._complete(results))
        for change in changes:
            self._tell(change)
        return completions

    def _complete(self, results: Sequence[TaskResult]) -> tuple[list[Completion], list[Change]]:
        """What became of the results, and the tasks that they have completed."""
        times = {"now": self._now_ms(), "counted": self.retention.now_ms()}
        with self._database.transaction():
            outcomes = [self._complete_one(result, times) for result in results]
        changes = [change for _, change in outcomes if change is not None]
        return [completion for completion, _ in outcomes], changes

    def _complete_one(
        self, given: TaskResult, times: Mapping[str, int]
    ) -> tuple[Completion, Change | None]:
        rows = self._database.execute(
            "UPDATE tasks SET status = 'completed', result = :result, completedat = :now,"
            " finishedat = :counted"
            " WHERE id = :id"
            " AND (:attempt IS NULL OR (attempt = :attempt AND status <> 'completed'))"
            " RETURNING seq, type, worker",
            {**times, "result": given.result, "id": given.id, "attempt": given.attempt},
        )
        if rows:
            [(seq, task_type, worker)] = rows
            error = find_error(given.result)
            self._count_completion(task_type, worker)
            self._note_failure(seq, error)
            change = Change(given.id, "completed", task_type, worker=worker, error=error)
            return Completion.ACCEPTED, change
        known = self._database.execute("SELECT attempt FROM tasks WHERE id = ?", (given.id,))
        if not known:
            return Completion.UNKNOWN, None
        is_same = known == [(given.attempt,)]
        return Completion.ACCEPTED if is_same else Completion.TAKEN_OVER, None

    def _count_completion(self, task_type: str, worker: str | None) -> None:
        self._database.execute(
            "INSERT INTO completions (type, worker, count) VALUES (?, ?, 1)"
            " ON CONFLICT DO UPDATE SET count = count + 1",
            (task_type, worker or ""),
        )

    def _note_failure(self, seq: int, error: str | None) -> None:
        """Notes why a task has failed, or forgets it after a second result."""
        if error is None:
            self._database.execute("DELETE FROM failures WHERE seq = ?", (seq,))
        else:
            self._database.execute(
                "INSERT OR REPLACE INTO failures (seq, error) VALUES (?, ?)", (seq, error)
            )

    def restart(self, task_id: str) -> bool:
        """Reopens a task, at its old place in the queue, and forgets who worked on it."""
        return self._reopen("WHERE id = ?", task_id)

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
            ended = "WHERE id = ? AND attempt = ? AND status = 'inprogress'"
            return "open" if self._reopen(ended, task_id, attempt) else None
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
        is_known = self._change("DELETE FROM tasks WHERE id = ?", task_id)
        if is_known:
            self._tell(Change(task_id, "removed"))
        return is_known

    def remove_finished(self, age_s: float, limit: int) -> list[tuple[str, bool]]:
        """As `Retention.remove_finished`."""
        removed = self.retention.remove_finished(age_s, limit)
        for task_id, _ in removed:
            self._tell(Change(task_id, "removed"))
        return removed

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

    def find_requirements(self, task_id: str) -> str:
        """The requirements of a task, in the form in which they are stored."""
        rows = self._database.execute("SELECT requirements FROM tasks WHERE id = ?", (task_id,))
        return str(rows[0][0]) if rows else NO_REQUIREMENTS

    def is_among_next(self, task_id: str, count: int) -> bool:
        """Whether an open task is among the oldest ones of its type and requirements."""
        [(older,)] = self._database.execute(_OLDER, (task_id, count))
        return bool(older < count)

    def _list_suited(self, task_type: str, offers: Sequence[Mapping[str, object]]) -> list[str]:
        """Lists the requirements of open tasks that an offer meets, one query for each set."""
        found = self._iterate_requirements(task_type)
        suited = (each for each in found if any(is_suited(offer, each) for offer in offers))
        return [NO_REQUIREMENTS, *suited]

    def _iterate_requirements(self, task_type: str) -> Iterator[str]:
        """The different requirements of open tasks of a type, in the order of their texts."""
        requirements = NO_REQUIREMENTS
        while True:
            [(following,)] = self._database.execute(_NEXT_REQUIREMENTS, (task_type, requirements))
            if following is None:
                return
            requirements = following
            yield requirements

    def _reopen(self, which: str, *parameters: object) -> bool:
        """Makes a task open again; False if there is none."""
        rows = self._write(f"{_REOPEN} {which} RETURNING id, type, requirements", parameters)
        for task_id, task_type, requirements in rows:
            self._tell(Change(task_id, "open", task_type, requirements))
        return bool(rows)

    def _tell(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)

    def _change(self, statement: str, *parameters: object) -> bool:
        """Changes a task; False if there is no such task."""
        return bool(self._write(f"{statement} RETURNING seq", parameters))

    def _write(self, statement: str, parameters: object) -> list[tuple[Any, ...]]:
        return self._database.insist(lambda: self._database.execute(statement, parameters))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _to_raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text)
