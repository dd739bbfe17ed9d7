"""The workers that asked for tasks lately; kept in memory, as each worker soon asks again."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

#: A worker that has not asked for this long is no longer listed.
SILENCE_S: Final = 30 * 60.0
#: Beyond that, the one that has been silent longest is no longer listed: one that works asks soon.
MOST_WORKERS: Final = 1000
#: The time over which a worker's speed is measured.
RATE_S: Final = 10
#: How many models of a worker are listed.
_MOST_MODELS: Final = 5
#: The longest text of a worker's about itself.
_LONGEST: Final = 200

#: Name of a worker and type of the tasks that it asks for.
Key = tuple[str, str]


class ListedWorker(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of workers/list, as the protocol has it, and from `waiting` on additions.

    Attributes:
        name: of the worker.
        type: of the tasks that it asked for.
        status: "working" if it got a task the last time it asked, else "idle".
        lastping: milliseconds since it asked; 0 while its take waits.
        taskid: the task that it got; None: it got none.
        waiting: whether its take waits now.
        inflight: tasks of this type that are in progress with it.
        persecond: tasks that it completed, a second, over the last `RATE_S` seconds.
        model: what it classifies with; several are separated by ", ".
        library: name and version of what runs the model.
        device: such as "cpu".
        version: of the worker's program.
    """

    name: str
    type: str
    status: str
    lastping: int
    taskid: str | None = None
    waiting: bool = False
    inflight: int = 0
    persecond: float = 0
    model: str | None = None
    library: str | None = None
    device: str | None = None
    version: str | None = None


@dataclass(slots=True)
class _Worker:
    asked_s: float = 0.0
    task_id: str | None = None
    waiting: int = 0
    about: dict[str, str] = field(default_factory=dict)
    #: The second and how many tasks were completed in it.
    completed: deque[tuple[int, int]] = field(default_factory=deque)


class WorkerRoster:
    """The workers by name and type of task, the one that has been silent longest first."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._workers: dict[Key, _Worker] = {}

    def note(
        self,
        name: str,
        task_type: str,
        task_id: str | None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        """Notes that a worker has just asked, and got this task or none.

        Args:
            name: of the worker.
            task_type: of the tasks that it asks for.
            task_id: what it got.
            about: what it says of itself; of its keys, those of `ListedWorker` are kept.
        """
        # Removed first: a key that is set again would keep its old place in the order.
        worker = self._workers.pop((name, task_type), None) or _Worker()
        self._workers[name, task_type] = worker
        worker.asked_s, worker.task_id = self._clock(), task_id
        _note_about(worker.about, about or {})
        if len(self._workers) > MOST_WORKERS:
            del self._workers[next(iter(self._workers))]
        self._drop_silent()

    @contextmanager
    def waiting(self, name: str, task_type: str) -> Iterator[None]:
        """While a take of a worker waits that was noted just now."""
        worker = self._workers[name, task_type]
        worker.waiting += 1
        try:
            yield
        finally:
            worker.waiting -= 1
            worker.asked_s = self._clock()

    def note_completion(self, name: str, task_type: str) -> None:
        """Notes that a worker has just completed a task."""
        worker = self._workers.get((name, task_type))
        if worker is None:
            return
        second, completed = int(self._clock()), worker.completed
        if completed and completed[-1][0] == second:
            completed[-1] = (second, completed[-1][1] + 1)
        else:
            completed.append((second, 1))
        _drop_old(completed, second)

    def has_asked(self, task_type: str, within_s: float) -> bool:
        """Whether a worker has asked for tasks of a type lately."""
        oldest_s = self._clock() - within_s
        # Those that have asked last are at the end.
        for (_, asked), worker in reversed(self._workers.items()):
            if worker.asked_s < oldest_s:
                return False
            if asked == task_type:
                return True
        return False

    def list_other_types(self, task_type: str) -> list[str]:
        """Lists the types that workers ask for; none if one of them asks for this type."""
        self._drop_silent()
        types = {asked for _, asked in self._workers}
        return [] if task_type in types else sorted(types)

    def list_recent(self, in_flight: Mapping[Key, int] | None = None) -> list[ListedWorker]:
        """Lists the workers that have asked within `SILENCE_S`.

        Args:
            in_flight: how many tasks are in progress with each of them.
        """
        self._drop_silent()
        now_s = self._clock()
        return [
            _describe(key, worker, now_s, (in_flight or {}).get(key, 0))
            for key, worker in self._workers.items()
        ]

    def _drop_silent(self) -> None:
        oldest_s = self._clock() - SILENCE_S
        while self._workers:
            key, worker = next(iter(self._workers.items()))
            if worker.asked_s >= oldest_s or worker.waiting:
                return
            del self._workers[key]


def _note_about(known: dict[str, str], about: Mapping[str, object]) -> None:
    for key in ("library", "device", "version"):
        text = about.get(key)
        if isinstance(text, str):
            known[key] = _printable(text)
    model = about.get("model")
    if isinstance(model, str):
        # A worker with several models names another one each time.
        models = dict.fromkeys([*filter(None, known.get("model", "").split(", ")), model])
        known["model"] = _printable(", ".join(list(models)[-_MOST_MODELS:]))


def _printable(text: str) -> str:
    return text[:_LONGEST].encode("utf-8", "backslashreplace").decode()


def _describe(key: Key, worker: _Worker, now_s: float, in_flight: int) -> ListedWorker:
    _drop_old(worker.completed, int(now_s))
    completed = sum(count for _, count in worker.completed)
    return ListedWorker(
        name=key[0],
        type=key[1],
        status="idle" if worker.task_id is None else "working",
        lastping=0 if worker.waiting else int((now_s - worker.asked_s) * 1000),
        taskid=worker.task_id,
        waiting=worker.waiting > 0,
        inflight=in_flight,
        persecond=completed / RATE_S if completed else 0,
        **worker.about,
    )


def _drop_old(completed: deque[tuple[int, int]], second: int) -> None:
    while completed and completed[0][0] <= second - RATE_S:
        completed.popleft()
