"""Renewing what is leased to us for as long as we work on it."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable

_log = logging.getLogger(__name__)

_LOOK_INTERVAL_S: Final = 0.25
#: A bridge that could not be reached is left alone so long; when it is back, leases run anew.
_PAUSE_S: Final = 2.0


async def keep_leases(
    client: BridgeClient, outage: Outage, in_hand: Callable[[], Collection[str]]
) -> None:
    """Renews the leases of tasks that last, for ever; short tasks cost no call.

    A lease that is lost is no error: the report of its task tells whether somebody else has it.

    Args:
        client: has the leases.
        outage: a bridge that is down is not called.
        in_hand: gives the ids of the tasks that were taken and are not yet reported.
    """
    while True:
        await asyncio.sleep(_LOOK_INTERVAL_S)
        for task_id in client.leases.due(in_hand()):
            if outage.is_down:
                break
            try:
                await client.renew(task_id)
            except BridgeRejected as err:
                client.leases.give_up(task_id)
                # Or it was reported a moment ago; if not, the report says so.
                _log.debug("task %r is ours no longer: %s", task_id, err)
            except BridgeUnavailable:
                await asyncio.sleep(_PAUSE_S)
                break
