"""The answer to a take of several tasks, and what the store gives and takes at once."""

import asyncio
import uuid
from pathlib import Path
from typing import Any, cast

import pytest

from taskworker_classifyimage.bridge_server.changes import Change
from taskworker_classifyimage.bridge_server.connections import Connection
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.records import NewTask, TakenTask, TaskResult
from taskworker_classifyimage.bridge_server.several import answer_several
from taskworker_classifyimage.bridge_server.store import Completion, TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads


class Full:
    """A bridge whose memory for large answers is used up by a number of bytes."""

    def __init__(self, left_bytes: int) -> None:
        self.left_bytes = left_bytes

    def may_send(self, size_bytes: int) -> bool:
        return size_bytes <= self.left_bytes


def add(store: TaskStore, **fields: Any) -> str:
    task_id = str(uuid.uuid4())
    store.add(NewTask(id=task_id, type="t", **fields))
    return task_id


def take(store: TaskStore, most: int) -> list[str]:
    return [task.id for task in store.take_several(most, "t", "w", {}, leased=True)]


@pytest.mark.parametrize("left_bytes", [10_000, 100])
def test_without_room_for_a_large_answer_the_files_are_left_out(
    tmp_path: Path, left_bytes: int
) -> None:
    """A refusal would cost the worker its tasks until their leases end."""
    uploads, task_id = Uploads(tmp_path), str(uuid.uuid4())
    with uploads.receive(task_id, Limits(free_bytes=0)) as upload:
        upload.begin()
        upload.write(bytes(1000))
        upload.finish()
    connection = cast("Connection", Full(left_bytes))
    answer = asyncio.run(answer_several([TakenTask(task_id)], uploads, 5000, connection))
    assert isinstance(answer.body, bytes)
    assert answer.body.endswith(bytes(1000)) == (left_bytes > 1000)
    assert (b'"file"' in answer.body) == (left_bytes > 1000)


def test_the_oldest_tasks_are_taken_in_their_order(store: TaskStore) -> None:
    """Also those whose requirements the worker meets."""
    needs = '{"model": "a"}'
    ids = [add(store, requirements=needs if number % 2 else "") for number in range(5)]
    taken = store.take_several(4, "t", "w", {"model": "b"}, {"model": "a"}, leased=True)
    assert [task.id for task in taken] == ids[:4]
    assert take(store, 4) == ids[4:]


def test_tasks_with_much_data_are_taken_one_after_the_other(store: TaskStore) -> None:
    """A worker limits the JSON of an answer, and would lose all of a larger one."""
    ids = [add(store, data=f'"{"x" * 200_000}"') for _ in range(3)]
    assert take(store, 3) == ids[:2]
    assert take(store, 3) == ids[2:]


def test_results_are_stored_all_or_none(store: TaskStore) -> None:
    ids = [add(store) for _ in range(3)]
    told: list[Change] = []
    store.listeners.append(told.append)
    take(store, 3)
    # SQLite refuses the last one, as it would refuse all on a full disk.
    bad = TaskResult(ids[2], "\ud800")
    with pytest.raises(UnicodeEncodeError):
        store.complete_all([TaskResult(ids[0], "1", 1), bad])
    assert {state.status for each in ids if (state := store.find_state(each))} == {"inprogress"}
    assert [change.became for change in told] == ["inprogress"] * 3
    results = [TaskResult(ids[0], "1", 1), TaskResult("x", "1"), TaskResult(ids[1], "2", 9)]
    accepted, unknown, late = Completion.ACCEPTED, Completion.UNKNOWN, Completion.TAKEN_OVER
    assert store.complete_all(results) == [accepted, unknown, late]
    assert [change.task_id for change in told[3:]] == [ids[0]]
    assert store.overviews.count_completions() == {"t": 1}
