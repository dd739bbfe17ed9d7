"""Handing tasks back when a worker stops: a bridge would never reopen them by itself."""

import asyncio
import logging
from collections.abc import Iterable

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable
from taskworker_classifyimage.pipeline.insist import IN_PROGRESS, standing_of

_log = logging.getLogger(__name__)


async def hand_back(
    client: BridgeClient, outage: Outage, worker: str, task_ids: Iterable[str]
) -> None:
    """Reopens those tasks that are still in progress with this worker; tries each once at most."""
    waiting = set(task_ids)
    if outage.is_down and waiting and not await _restart(client, worker, waiting.pop()):
        _log.warning("%d more tasks could not be handed back either", len(waiting))
        return
    await asyncio.gather(*(_restart(client, worker, task_id) for task_id in waiting))


async def _restart(client: BridgeClient, worker: str, task_id: str) -> bool:
    """Whether the bridge answered."""
    try:
        # Its report may have arrived although it was cut off.
        if await standing_of(client, task_id, worker) == IN_PROGRESS:
            await client.restart(task_id)
            _log.info("task %r is handed back", task_id)
    except BridgeRejected:
        _log.info("task %r was removed", task_id)
    except BridgeUnavailable as err:
        _log.warning(
            "task %r could not be handed back (%s); a worker that starts under the same name "
            "takes it up",
            task_id,
            err,
        )
        return False
    return True
