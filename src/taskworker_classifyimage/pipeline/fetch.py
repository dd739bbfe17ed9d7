"""fetch: a task to its file's bytes."""

from typing import Final

from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    DownloadFailed,
    EmptyFile,
    FileMissing,
    TaskGone,
)
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import Task

#: A file that a working bridge fails to deliver so often is given up.
_TRIES: Final = 5


async def fetch(client: BridgeClient, outage: Outage, task: Task, limit_bytes: int) -> bytes:
    """Downloads the task's file, outlasting a bridge that is down.

    Raises:
        TaskGone: the task was removed or reopened.
        FileMissing, EmptyFile, TooLarge, DownloadFailed: this task cannot be done.
    """
    problem = ""
    for _ in range(_TRIES):
        try:
            encoded = await client.file(task.id, limit_bytes)
        except BridgeRejected as err:
            await _check_still_ours(client, outage, task)
            raise FileMissing(f"the bridge has no file for this task ({err.status})") from None
        except BridgeUnavailable as err:
            # 2.2.1 cuts the connection for a task that was removed, as a dead server would.
            await _check_still_ours(client, outage, task)
            problem = str(err)
            continue
        if not encoded:
            raise EmptyFile("the file has no bytes")
        return encoded
    raise DownloadFailed(f"the file could not be downloaded in {_TRIES} tries: {problem}")


async def _check_still_ours(client: BridgeClient, outage: Outage, task: Task) -> None:
    """Waits until the bridge answers; raises `TaskGone` if the task is not to be done any more."""
    try:
        status = await outage.outlast(lambda: client.status(task.id))
    except BridgeRejected:
        raise TaskGone("it was removed") from None
    if status != "inprogress":
        raise TaskGone(f"it is {status}")
