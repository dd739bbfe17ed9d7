"""take: the bridge's open tasks, and those that an earlier life of this worker left unfinished."""

import logging
from dataclasses import dataclass

from taskworker_classifyimage.errors import BridgeRejected
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import TASK_TYPE, Task

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taker:
    """As whom tasks are taken, and of which type."""

    worker: str
    task_type: str = TASK_TYPE


async def take(client: BridgeClient, taker: Taker) -> Task | None:
    """Takes the oldest open task, None when there is none.

    Raises:
        BridgeUnavailable: see `BridgeClient`.
    """
    taken = await client.take(taker.task_type, taker.worker)
    return None if taken is None else Task(*taken)


async def find_left_over(client: BridgeClient, outage: Outage, taker: Taker) -> list[Task]:
    """Tasks that are `inprogress` under this worker's name, oldest first.

    A bridge never gives such a task to anyone again, so who took it has to finish it. Waits until
    the bridge is there.
    """
    try:
        listed = await outage.outlast(client.tasks)
    except BridgeRejected as err:
        _log.warning("cannot look for unfinished tasks: %s; is this a TaskBridge?", err)
        return []
    left_over = []
    for entry in listed:
        task_id = entry.get("id")
        if (
            isinstance(task_id, str)
            and entry.get("type") == taker.task_type
            and entry.get("status") == "inprogress"
            and entry.get("worker") == taker.worker
        ):
            task = await _with_data(client, outage, task_id)
            if task is not None:
                left_over.append(task)
    return left_over


async def _with_data(client: BridgeClient, outage: Outage, task_id: str) -> Task | None:
    """The task with its data, None when it is gone in the meantime."""
    try:
        details = await outage.outlast(lambda: client.details(task_id))
    except BridgeRejected:
        return None
    return Task(task_id, details.get("data"))
