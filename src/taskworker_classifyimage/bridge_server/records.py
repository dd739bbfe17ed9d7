"""Tasks as they go into the store and come out of it, and which worker may take one.

What comes out has the protocol's JSON keys; `data`, `requirements` and `result` are JSON text that
is not parsed again. A worker may take a task if its abilities hold each of the task's requirements
with an equal value. Requirements are stored as a text that is equal for equal requirements, so that
the store looks at each set once, however many tasks have it.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

#: All ids that this server makes; any other id is unknown without a query.
TASK_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The requirements of a task that any worker may take.
NO_REQUIREMENTS: Final = ""


class NewTask(msgspec.Struct, frozen=True):
    """A task as a client adds it.

    Attributes:
        id: made by the server, never by the client.
        type: of the task; only workers that ask for this type get it.
        data: JSON text for the worker, None when the client sent none.
        requirements: text from `encode_requirements`.
        has_file: whether a file was stored under the id.
    """

    id: str
    type: str
    data: str | None = None
    requirements: str = NO_REQUIREMENTS
    has_file: bool = False


class TakenTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker gets.

    Attributes:
        id: of the task.
        data: None where there is none.
        attempt: how often the task has been taken, this time included; 0 without a lease.
        lease: how long the worker may keep the task without a renewal, in seconds; 0: no lease.
        file: size of its file in bytes, if the file comes with the answer.
    """

    id: str
    data: msgspec.Raw | None = None
    attempt: int = 0
    lease: float = 0
    file: int | None = None


class TaskResult(msgspec.Struct, frozen=True):
    """A result that a worker sends.

    Attributes:
        id: of the task.
        result: JSON text; None for a worker that sends none.
        attempt: that of the worker's take; None: it is not told.
    """

    id: str
    result: str | None
    attempt: int | None = None


class TaskState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The short columns of a task; times are milliseconds since the epoch.

    Attributes:
        file: the task's id if the task has a file.
        worker: who took the task last.
        error: why the task failed, if its result says so, as "code: message".
    """

    id: str
    type: str
    status: str
    createdat: int
    file: str | None = None
    progress: int | None = None
    startedat: int | None = None
    completedat: int | None = None
    worker: str | None = None
    error: str | None = None


class TaskDetails(TaskState, frozen=True, omit_defaults=True):
    """The whole task.

    Attributes:
        attempt: of the worker that holds a lease on it; 0 without a lease.
        lease: see `TakenTask`.
    """

    requirements: msgspec.Raw | None = None
    data: msgspec.Raw | None = None
    result: msgspec.Raw | None = None
    attempt: int = 0
    lease: float = 0


class StateCounts(msgspec.Struct, frozen=True):
    """How many tasks there are.

    Attributes:
        completed: those that failed, too.
    """

    open: int
    inprogress: int
    completed: int
    failed: int


def encode_requirements(requirements: Mapping[str, object]) -> str:
    """The form in which requirements are stored.

    Raises:
        ValueError: a number in them is infinite.
    """
    if not requirements:
        return NO_REQUIREMENTS
    return json.dumps(requirements, sort_keys=True, allow_nan=False)


def is_suited(abilities: Mapping[str, object], requirements: str) -> bool:
    """Whether the abilities hold every key of the requirements with an equal value."""
    try:
        return all(
            key in abilities and _is_equal(value, abilities[key])
            for key, value in _parse_requirements(requirements).items()
        )
    except RecursionError:
        # Nobody gets such a task; it must not keep other tasks of its type from being taken.
        return False


@lru_cache(maxsize=256)
def _parse_requirements(requirements: str) -> dict[str, Any]:
    """The requirements as values; cached, as many tasks share few sets."""
    parsed: dict[str, Any] = json.loads(requirements) if requirements else {}
    return parsed


def _is_equal(one: object, other: object) -> bool:
    """Whether two values are the same JSON: true is not 1, "1" is not 1, but 1.0 is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
