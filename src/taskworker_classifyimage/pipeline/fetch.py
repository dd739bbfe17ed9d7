"""fetch: a task to its file's bytes, and to its data if the take did not give them."""

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    DownloadFailed,
    EmptyFile,
    FileMissing,
    TaskGone,
    TaskLeft,
)
from taskworker_classifyimage.pipeline.insist import (
    IN_PROGRESS,
    check_still_ours,
    insist,
    standing_in,
)
from taskworker_classifyimage.tasks import UNKNOWN, Task


async def fetch(client: BridgeClient, outage: Outage, task: Task, limit_bytes: int) -> bytes:
    """Downloads the task's file, outlasting a bridge that is down.

    Raises:
        TaskGone: the task was removed or reopened.
        FileMissing, EmptyFile, TooLarge, DownloadFailed: this task cannot be done.
    """
    try:
        encoded = await insist(client, outage, task.id, lambda: client.file(task.id, limit_bytes))
    except BridgeRejected as err:
        await check_still_ours(client, outage, task.id)
        raise FileMissing(f"the bridge has no file for this task ({err.status})") from None
    except BridgeUnavailable as err:
        raise DownloadFailed(f"the file could not be downloaded: {err}") from None
    if not encoded:
        raise EmptyFile("the file has no bytes")
    return encoded


async def fetch_data(client: BridgeClient, outage: Outage, task: Task, worker: str) -> object:
    """The task's data, asked for if they are unknown.

    Raises:
        TaskGone: the task was removed, reopened or done in the meantime, or is another worker's.
        TooLarge: this task cannot be done.
        TaskLeft: the bridge does not tell.
    """
    if task.data is not UNKNOWN:
        return task.data
    try:
        details = await insist(client, outage, task.id, lambda: client.details(task.id))
    except BridgeRejected:
        raise TaskGone("it was removed") from None
    except BridgeUnavailable as err:
        raise TaskLeft(f"the bridge does not tell what it is: {err}") from None
    standing = standing_in(details, worker)
    if standing != IN_PROGRESS:
        raise TaskGone(f"it is {standing}")
    return details.get("data")
