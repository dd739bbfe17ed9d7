"""Tasks as they go into the store and come out of it."""

from dataclasses import dataclass

from taskworker_classifyimage.bridge_server.requirements import NO_REQUIREMENTS


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
    """What a worker gets.

    Attributes:
        id: of the task.
        data: JSON text, None where there is none.
        attempt: how often the task was taken, this time included.
    """

    id: str
    data: str | None
    attempt: int


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
    """The whole task.

    Attributes:
        state: everything that is short.
        data: JSON text, None where there is none.
        result: JSON text, None where there is none.
        attempt: of the worker that has it on lease now; None where nobody has.
    """

    state: TaskState
    data: str | None
    result: str | None
    attempt: int | None
