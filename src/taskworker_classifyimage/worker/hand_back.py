"""Handing tasks back when a worker stops: a bridge without leases would never reopen them."""

import asyncio
import logging
import time
from collections.abc import Iterable

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable
from taskworker_classifyimage.logs import about_task
from taskworker_classifyimage.words import counted

_log = logging.getLogger(__name__)


async def hand_back(bridge: Bridge, task_ids: Iterable[str]) -> None:
    """Reopens those tasks that are still in progress with this worker; tries each at most once."""
    waiting = set(task_ids)
    if bridge.is_down and waiting and not await _hand_back_one(bridge, waiting.pop()):
        _log.warning("%s could not be handed back either", counted(len(waiting), "more task"))
        return
    await asyncio.gather(*(_hand_back_one(bridge, task_id) for task_id in waiting))


async def _hand_back_one(bridge: Bridge, task_id: str) -> bool:
    """Reopens a task, unless its report arrived after all; returns whether the bridge answered."""
    start_s = time.perf_counter()

    def about() -> dict[str, object]:
        return about_task(task_id, "hand_back", time.perf_counter() - start_s)

    try:
        if await bridge.hand_back(task_id):
            _log.info("task %r is handed back", task_id, extra=about())
    except BridgeRejected:
        _log.info("task %r was removed", task_id, extra=about())
    except BridgeUnavailable as err:
        _log.warning(
            "task %r could not be handed back (%s); the next worker that starts under the same "
            "name resumes it",
            task_id,
            err,
            extra=about(),
        )
        return False
    return True
