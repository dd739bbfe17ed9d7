"""A TaskBridge in memory, called through the real client's methods: no socket, no server."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.answers import AnswerTooLarge
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.file_transfer import FileTransfer
from taskworker_classifyimage.bridge_client.several import Taken
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TooLarge

URL = "http://memory"


@dataclass
class StoredTask:
    """A task as a bridge stores it."""

    data: object = None
    file: bytes | None = None
    status: str = "open"
    worker: str = ""
    result: dict[str, object] | None = None


class MemoryBridge(BridgeClient):
    """Does what a bridge does; fails when told to.

    Attributes:
        tasks_by_id: what it stores.
        calls: every call's name, in order.
        failures: by call, the errors that its next calls raise.
        is_up: False: no call is answered.
        workers_listed: its list of workers.
        abilities: those of each take.
        others: the further abilities of each take.
        is_embedded: whether it gives several tasks at once, and takes several results.
        refusals: the status that a report of several gets for a task.
    """

    def __init__(self, **tasks: StoredTask) -> None:
        super().__init__(BridgeAddress(URL))
        self.tasks_by_id = tasks
        self.calls: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        self.is_up = True
        self.is_embedded = False
        self.refusals: dict[str, int] = {}
        self.workers_listed: list[dict[str, Any]] = []
        self.abilities: list[Mapping[str, str]] = []
        self.others: list[tuple[Mapping[str, str], ...]] = []

    @property
    def loses_changes(self) -> bool:
        return False

    @property
    def batches(self) -> bool:
        return self.is_embedded

    async def take(
        self,
        task_type: str,
        worker: str,
        abilities: Mapping[str, str],
        *others: Mapping[str, str],
        wait_s: float = 0.0,
        most: int = 1,
        files_bytes: int = 0,
    ) -> list[Taken]:
        self._note("take")
        self.abilities.append(abilities)
        self.others.append(others)
        open_tasks = (each for each in self.tasks_by_id.items() if each[1].status == "open")
        given = dict(itertools.islice(open_tasks, most))
        for task in given.values():
            task.status, task.worker = "inprogress", worker
        if given:
            self._note("answer to take")
        return [
            Taken(task_id, task.data, task.file if files_bytes else None, {})
            for task_id, task in given.items()
        ]

    async def file(self, task_id: str, transfer: FileTransfer) -> bytes:
        file = self._task("file", task_id).file
        if file is None:
            raise BridgeRejected("no file", 404)
        try:
            transfer.start(200, {}, len(file))
        except AnswerTooLarge as err:
            raise TooLarge(str(err)) from None
        return file

    async def complete(self, task_id: str, result: dict[str, object]) -> None:
        task = self._task("complete", task_id)
        task.status, task.result = "completed", result
        self._note("answer to complete")

    async def complete_all(self, reports: Sequence[bytes]) -> list[int]:
        self._note("complete_all")
        statuses = []
        for report in map(json.loads, reports):
            task = self.tasks_by_id.get(report["id"])
            statuses.append(404 if task is None else self.refusals.get(report["id"], 200))
            if task is not None and statuses[-1] == 200:
                task.status, task.result = "completed", report["result"]
        self._note("answer to complete_all")
        return statuses

    async def renew(self, task_id: str) -> None:
        self._task("renew", task_id)
        self.leases.note_renewal(task_id)

    async def restart(self, task_id: str) -> None:
        self._task("restart", task_id).status = "open"

    async def status(self, task_id: str, *, wait_s: float = 0.0) -> str:
        return self._task("status", task_id).status

    async def details(self, task_id: str) -> dict[str, Any]:
        task = self._task("details", task_id)
        return {"data": task.data, "status": task.status, "worker": task.worker}

    async def tasks(self) -> list[dict[str, Any]]:
        self._note("tasks")
        return [
            {"id": each, "type": "classifyimage", "status": task.status, "worker": task.worker}
            for each, task in self.tasks_by_id.items()
        ]

    async def workers(self) -> list[dict[str, Any]]:
        self._note("workers")
        return self.workers_listed

    def fail(self, call: str, *errors: Exception) -> None:
        """Lets the next calls of a name fail."""
        self.failures.setdefault(call, []).extend(errors)

    def _task(self, call: str, task_id: str) -> StoredTask:
        self._note(call)
        if task_id not in self.tasks_by_id:
            raise BridgeRejected("no such task", 404)
        return self.tasks_by_id[task_id]

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if not self.is_up:
            raise BridgeUnavailable("it is down", may_have_done_it=False)
        if self.failures.get(call):
            raise self.failures[call].pop(0)


def bridge_of(client: BridgeClient) -> Bridge:
    """The bridge as the worker "w" sees it."""
    return Bridge(client, "w", "classifyimage")
