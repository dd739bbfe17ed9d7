"""report: a result to the bridge, however long the bridge is away."""

from taskworker_classifyimage.errors import BridgeRejected, TaskGone
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import Task


async def report(
    client: BridgeClient, outage: Outage, task: Task, result: dict[str, object]
) -> None:
    """Delivers a result, outlasting a bridge that is down.

    Raises:
        TaskGone: the client removed the task, or another worker has it.
        BridgeRejected: the bridge refuses this result.
    """
    try:
        await outage.outlast(lambda: client.complete(task.id, result))
    except BridgeRejected as err:
        if err.status == 404:
            raise TaskGone("it was removed") from None
        if err.status == 409:
            raise TaskGone("its lease ran out and another worker has it") from None
        raise
