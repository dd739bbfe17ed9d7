"""Keeping away from a living worker of the same name on another machine.

To a bridge the two are one: each would take up, as left over, what the other is working on. The
bridge lists when it last heard of a name, so who starts listens before it asks for a task.
"""

import asyncio
import logging
import time
from typing import Final

from taskworker_classifyimage.bridge_client.answers import number
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected
from taskworker_classifyimage.pipeline.take import Taker

_log = logging.getLogger(__name__)

#: The original worker asks every 3 s when it has nothing to do, this one four times a second: who
#: is silent for longer is gone (as our own last run), or at work on something.
_QUIET_S: Final = 4.0
#: Once a neighbour was heard, it has to be silent for so long before its name is ours.
_GONE_S: Final = 60.0
_LISTEN_INTERVAL_S: Final = 0.5


async def wait_for_own_name(client: BridgeClient, outage: Outage, taker: Taker) -> None:
    """Returns once no other worker of this name asks the bridge for tasks."""
    silent_s, needed_s = await _silent_s(client, outage, taker), _QUIET_S
    if silent_s is None:
        return
    # By our own clock: a bridge whose clock was set, or that tells old news, keeps nobody waiting.
    heard_at_s = time.monotonic() - silent_s
    while time.monotonic() - heard_at_s < needed_s:
        await asyncio.sleep(_LISTEN_INTERVAL_S)
        before_s, silent_s = silent_s, await _silent_s(client, outage, taker)
        if silent_s is None:
            return
        if silent_s >= before_s:
            continue
        heard_at_s = time.monotonic() - silent_s
        if needed_s < _GONE_S:
            needed_s = _GONE_S
            _log.warning(
                "another worker with the name %r asks %s for tasks right now; waiting until it is "
                "silent for %.0f s. Stop it, or give this one a name of its own with --worker",
                taker.worker,
                client.url,
                _GONE_S,
            )


async def _silent_s(client: BridgeClient, outage: Outage, taker: Taker) -> float | None:
    """Seconds since the bridge heard of our name, None if it does not know it or does not tell."""
    try:
        workers = await outage.outlast(client.workers)
    except BridgeRejected:
        return None
    for entry in workers:
        ping_ms = number(entry.get("lastping"))
        # 2.2.1 tells it as text, and does not tell a name's types apart: a neighbour that does
        # other tasks under the same name does no harm, and must not keep us from work.
        if (
            entry.get("name") == taker.worker
            and entry.get("type") == taker.task_type
            and ping_ms is not None
        ):
            return max(0.0, ping_ms / 1000)
    return None
