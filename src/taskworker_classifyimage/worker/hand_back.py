"""Handing tasks back when a worker stops: a bridge would never reopen them by itself."""

import asyncio
import logging
from collections.abc import Iterable

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable
from taskworker_classifyimage.pipeline.insist import IN_PROGRESS, standing_of
from taskworker_classifyimage.taskbridge.client import BridgeClient

_log = logging.getLogger(__name__)


async def hand_back(client: BridgeClient, worker: str, task_ids: Iterable[str]) -> None:
    """Reopens those tasks that are still in progress with this worker; tries each once."""
    await asyncio.gather(*(_restart(client, worker, task_id) for task_id in set(task_ids)))


async def _restart(client: BridgeClient, worker: str, task_id: str) -> None:
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
