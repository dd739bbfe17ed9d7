"""Renewing the leases of tasks for as long as this worker has them."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable

_log = logging.getLogger(__name__)

_INTERVAL_S: Final = 0.25
#: Pause after a renewal that failed; a bridge that was down starts all leases anew.
_PAUSE_S: Final = 2.0


async def keep_leases(
    client: BridgeClient, outage: Outage, in_hand: Callable[[], Collection[str]]
) -> None:
    """Renews leases until cancelled; tasks shorter than a third of their lease cost no call.

    A lost lease is no error: the report of its task finds out whether another worker has it.

    Args:
        client: knows the leases.
        outage: a bridge that is down is not called.
        in_hand: returns the ids of the tasks that were taken and are not yet reported.
    """
    while True:
        await asyncio.sleep(_INTERVAL_S)
        for task_id in client.leases.due(in_hand()):
            if outage.is_down:
                break
            try:
                await client.renew(task_id)
            except BridgeRejected as err:
                client.leases.give_up(task_id)
                # It may also have been reported a moment ago; if not, the report finds out.
                _log.debug("the lease of task %r is lost: %s", task_id, err)
            except BridgeUnavailable:
                await asyncio.sleep(_PAUSE_S)
                break
