"""Waiting until no other machine runs a worker of the same name.

To a bridge two workers of one name are one: each would resume, as left over, what the other works
on. The bridge lists when it last heard of a name, so a worker that starts listens before it takes
tasks.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.bridge_client.answers import finite_number
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected

_log = logging.getLogger(__name__)

#: An idle original worker asks every 3 s, this one four times a second or waits: one that is silent
#: for longer is gone (such as our own last run), or busy.
_QUIET_S: Final = 4.0
#: Once another worker was heard, it must be silent for so long before its name is free.
_GONE_S: Final = 60.0
_LISTEN_INTERVAL_S: Final = 0.5


async def wait_for_own_name(bridge: Bridge) -> None:
    """Returns once no other worker of this name asks the bridge for tasks."""
    heard, needed_s = await _listen(bridge), _QUIET_S
    if heard is None:
        return
    # By our own clock, so that a bridge whose clock was set, or a cached list, delays nobody.
    clock = asyncio.get_running_loop().time
    heard_at_s = clock() - heard.silent_s
    while clock() - heard_at_s < needed_s:
        await asyncio.sleep(_LISTEN_INTERVAL_S)
        before, heard = heard, await _listen(bridge)
        if heard is None:
            return
        if heard.silent_s >= before.silent_s and not heard.waits:
            continue
        heard_at_s = clock() - heard.silent_s
        if needed_s < _GONE_S:
            needed_s = _GONE_S
            _log.warning(
                "another worker with the name %r asks %s for tasks right now; waiting until it is "
                "silent for %.0f s. Stop it, or give this one a name of its own with --worker",
                bridge.worker,
                bridge.url,
                _GONE_S,
            )


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the bridge says of a worker of our name.

    Attributes:
        silent_s: for how long it has not asked.
        waits: whether its take waits there now; the embedded bridge knows when it has gone.
    """

    silent_s: float
    waits: bool


async def _listen(bridge: Bridge) -> _Heard | None:
    """What the bridge says of our name; None if it does not know it or does not say."""
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
            return _Heard(max(0.0, ping_ms / 1000), entry.get("waiting") is True)
    return None
