"""Keeping the tasks in flight: what nobody renews, the embedded bridge gives to somebody else."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import Task

_log = logging.getLogger(__name__)

_LOOK_INTERVAL_S: Final = 0.25
#: A bridge that could not be reached is left alone so long; its return starts every lease anew.
_PAUSE_S: Final = 2.0
#: Renewed when a third has passed, so that two renewals in a row may be lost.
_RENEW_AFTER: Final = 1 / 3


async def keep_leases(
    client: BridgeClient, outage: Outage, in_flight: Callable[[], Iterable[Task]]
) -> None:
    """Renews the leases of tasks that last, for ever; other tasks cost nothing.

    A lease that is lost is no error: the report of its task says whether somebody else has it.
    """
    due_s: dict[str, float] = {}
    while True:
        await asyncio.sleep(_LOOK_INTERVAL_S)
        if outage.is_down:
            continue
        tasks = [(task, task.lease) for task in in_flight() if task.lease is not None]
        due_s = {
            task.id: due_s.get(task.id, task.taken_at_s + lease.length_s * _RENEW_AFTER)
            for task, lease in tasks
        }
        for task, lease in tasks:
            if due_s[task.id] > time.monotonic():
                continue
            due_s[task.id] = time.monotonic() + lease.length_s * _RENEW_AFTER
            try:
                await client.renew(task.id, lease)
            except BridgeRejected as err:
                due_s[task.id] = float("inf")
                _log.info("task %r is ours no longer: %s", task.id, err)
            except BridgeUnavailable:
                await asyncio.sleep(_PAUSE_S)
                break
