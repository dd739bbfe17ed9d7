"""fetch: a task's data, if the take did not include them, and the bytes of its file."""

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.room import Room
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    DownloadFailed,
    EmptyFile,
    FileMissing,
    TaskLeft,
)
from taskworker_classifyimage.tasks import Task


async def fetch_data(bridge: Bridge, task: Task) -> object:
    """The JSON that the client put into a task.

    Raises:
        TaskGone: the task was removed, reopened or completed, or another worker has it.
        TooLarge: the data are far larger than those of any task of ours.
        TaskLeft: the bridge does not answer this call.
    """
    if not task.is_resumed:
        return task.data
    try:
        return await bridge.data(task.id)
    except BridgeUnavailable as err:
        raise TaskLeft(f"the bridge does not give its data: {err}") from None


async def fetch_file(bridge: Bridge, task: Task, limit_bytes: int, room: Room) -> bytes:
    """The encoded picture of a task; waits while the bridge is down, and for room.

    Raises:
        TaskGone: the task was removed or reopened.
        FileMissing, EmptyFile, TooLarge, DownloadFailed: this task cannot be done.
    """
    try:
        encoded = await bridge.file(task.id, limit_bytes, room)
    except BridgeRejected as err:
        raise FileMissing(f"the bridge has no file for this task ({err.status})") from None
    except BridgeUnavailable as err:
        raise DownloadFailed(f"the file could not be downloaded: {err}") from None
    if not encoded:
        raise EmptyFile("the file has no bytes")
    return encoded
