"""Waiting until no other machine runs a worker of the same name.

To a bridge two workers of one name are one: each would resume, as left over, what the other works
on. The bridge lists when it last heard of a name, so a worker that starts listens before it takes
tasks.
"""

import asyncio
import logging
from typing import Final

from taskworker_classifyimage.bridge_client.answers import finite_number
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected

_log = logging.getLogger(__name__)

#: An idle original worker asks every 3 s, this one four times a second: one that is silent for
#: longer is gone (such as our own last run), or busy.
_QUIET_S: Final = 4.0
#: Once another worker was heard, it must be silent for so long before its name is free.
_GONE_S: Final = 60.0
_LISTEN_INTERVAL_S: Final = 0.5


async def wait_for_own_name(bridge: Bridge) -> None:
    """Returns once no other worker of this name asks the bridge for tasks."""
    silent_s, needed_s = await _silent_s(bridge), _QUIET_S
    if silent_s is None:
        return
    # By our own clock, so that a bridge whose clock was set, or a cached list, delays nobody.
    clock = asyncio.get_running_loop().time
    heard_at_s = clock() - silent_s
    while clock() - heard_at_s < needed_s:
        await asyncio.sleep(_LISTEN_INTERVAL_S)
        before_s, silent_s = silent_s, await _silent_s(bridge)
        if silent_s is None:
            return
        if silent_s >= before_s:
            continue
        heard_at_s = clock() - silent_s
        if needed_s < _GONE_S:
            needed_s = _GONE_S
            _log.warning(
                "another worker with the name %r asks %s for tasks right now; waiting until it is "
                "silent for %.0f s. Stop it, or give this one a name of its own with --worker",
                bridge.worker,
                bridge.url,
                _GONE_S,
            )


async def _silent_s(bridge: Bridge) -> float | None:
    """Seconds since the bridge heard of our name; None if it does not know it or does not say."""
    try:
        workers = await bridge.workers()
    except BridgeRejected:
        return None
    for entry in workers:
        ping_ms = finite_number(entry.get("lastping"))
        # 2.2.1 gives text instead of a number, and one entry for all types of a name: a worker
        # that does other tasks under the same name does no harm, and must not delay this one.
        if (
            entry.get("name") == bridge.worker
            and entry.get("type") == bridge.task_type
            and ping_ms is not None
        ):
            return max(0.0, ping_ms / 1000)
    return None
