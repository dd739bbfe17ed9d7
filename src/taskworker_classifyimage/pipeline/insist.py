"""Calls about one task, tried again as long as that task is still to be done."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from taskworker_classifyimage.bridge_client.answers import status_in
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    TaskGone,
    TooLarge,
)

#: A call that a working bridge fails to answer so often is given up: after about a minute.
_TRIES: Final = 10

OPEN, IN_PROGRESS, COMPLETED, REMOVED = "open", "inprogress", "completed", "removed"

T = TypeVar("T")


async def insist(
    client: BridgeClient, outage: Outage, task_id: str, call: Callable[[], Awaitable[T]]
) -> T:
    """Calls until it works, outlasting a bridge that is down.

    Raises:
        TaskGone: the task was removed, reopened or done in the meantime.
        BridgeRejected: the bridge will never do this.
        BridgeUnavailable: the bridge does other things, and this not even after many tries.
    """
    problem = BridgeUnavailable("it was not called")
    for delay_s in itertools.islice(delays_s(), _TRIES):
        while outage.is_down:
            # A small call finds out whether the bridge is back, not one that may take minutes.
            await check_still_ours(client, outage, task_id)
        try:
            return await outage.attempt(call)
        except BridgeUnavailable as err:
            problem = err
        # 2.2.1 cuts the connection for a task that was removed, as a dead server would.
        await check_still_ours(client, outage, task_id)
        await asyncio.sleep(delay_s)
    raise problem


def delays_s() -> Iterator[float]:
    """Longer and longer pauses between calls that fail although the bridge is there."""
    usual_s = 0.1
    while True:
        yield usual_s * random.uniform(1.0, 1.5)  # noqa: S311 - jitter
        usual_s = min(2 * usual_s, 15.0)


async def status_of(client: BridgeClient, outage: Outage, task_id: str) -> str:
    """The task's status, "removed" if there is none; waits until the bridge answers."""
    try:
        return await outage.outlast(lambda: client.status(task_id))
    except BridgeRejected:
        return REMOVED


async def standing_of(client: BridgeClient, task_id: str, worker: str) -> str:
    """The task's status as far as it concerns a worker, see `standing_in`.

    Raises:
        BridgeUnavailable, BridgeRejected: see `BridgeClient`.
    """
    try:
        return standing_in(await client.details(task_id), worker)
    except TooLarge:
        return await client.status(task_id)


def standing_in(details: Mapping[str, Any], worker: str) -> str:
    """The status that a task's details tell; somebody else's work is "with another worker"."""
    status = status_in(details)
    if status == IN_PROGRESS and details.get("worker", worker) != worker:
        return "with another worker"
    return status


async def check_still_ours(client: BridgeClient, outage: Outage, task_id: str) -> None:
    """Waits until the bridge answers; raises `TaskGone` if the task is not to be done any more."""
    status = await status_of(client, outage, task_id)
    if status != IN_PROGRESS:
        raise TaskGone(f"it is {status}")
