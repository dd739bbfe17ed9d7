"""Reopening tasks whose worker is dead: a bridge without leases would never do it.

A task is stuck when it has been in progress for too long. What a bridge tells of the time differs:
2.2.1 notes no start, and no bridge's clock need be ours. Who runs for long measures for itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from taskworker_classifyimage.bridge_client.answers import number
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected
from taskworker_classifyimage.pipeline.insist import IN_PROGRESS, standing_of
from taskworker_classifyimage.pipeline.take import Taker

_log = logging.getLogger(__name__)

_LONGEST_INTERVAL_S: Final = 60.0
#: 2.2.1 forgets when it heard of a worker for the first time, and tells 292 years.
_NEVER_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class Begun:
    """A task in progress, as the bridge's lists show it.

    Attributes:
        worker: who took it; "" if the bridge does not tell.
        age_s: for how long it has been in progress, at least.
        silent_s: seconds since the bridge heard of the worker; infinite if it knows none.
        fingerprint: changes when anybody does anything with the task.
    """

    id: str
    worker: str
    age_s: float
    silent_s: float
    fingerprint: tuple[object, ...]


async def begun_tasks(client: BridgeClient, task_type: str) -> list[Begun]:
    """The tasks of a type that are in progress, oldest first.

    Raises:
        BridgeUnavailable, BridgeRejected: see `BridgeClient`.
    """
    silent_s = _silences_s(await client.workers())
    listed = await client.tasks()
    return list(_begun(listed, task_type, silent_s, client.now_s))


async def reopen(client: BridgeClient, task: Begun) -> bool:
    """Reopens a task if it still is in progress with the same worker; whether it was reopened.

    Raises:
        BridgeUnavailable: see `BridgeClient`.
    """
    try:
        if await standing_of(client, task.id, task.worker) != IN_PROGRESS:
            return False
        await client.restart(task.id)
    except BridgeRejected:
        return False
    return True


class Rescuer:
    """Reopens the tasks of dead workers for as long as this worker runs."""

    def __init__(
        self,
        client: BridgeClient,
        outage: Outage,
        taker: Taker,
        after_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._outage = outage
        self._taker = taker
        self._after_s = after_s
        self._clock = clock
        self._first_seen_s: dict[tuple[object, ...], float] = {}

    async def run(self) -> None:
        """Checks now and then; never ends by itself."""
        while True:
            try:
                await self._outage.outlast(self.check)
            except BridgeRejected as err:
                _log.warning("cannot look for stuck tasks: %s", err)
            await asyncio.sleep(min(_LONGEST_INTERVAL_S, self._after_s / 4))

    async def check(self) -> None:
        """Reopens what has not moved for too long, as far as we saw, while its worker was silent.

        Raises:
            BridgeUnavailable, BridgeRejected: see `BridgeClient`.
        """
        now_s, begun = self._clock(), await begun_tasks(self._client, self._taker.task_type)
        # Our own are recovery's: they are done, not reopened.
        others = [task for task in begun if task.worker != self._taker.worker]
        self._first_seen_s = {
            task.fingerprint: self._first_seen_s.get(task.fingerprint, now_s) for task in others
        }
        for task in others:
            age_s = now_s - self._first_seen_s[task.fingerprint]
            if min(age_s, task.silent_s) >= self._after_s and await reopen(self._client, task):
                _log.warning("task %r of the silent worker %r is reopened", task.id, task.worker)


def _begun(
    listed: list[dict[str, Any]], task_type: str, silent_s: dict[str, float], now_s: float
) -> Iterator[Begun]:
    for entry in listed:
        task_id, worker = entry.get("id"), str(entry.get("worker", ""))
        if (
            entry.get("type") != task_type
            or entry.get("status") != IN_PROGRESS
            or not isinstance(task_id, str)
        ):
            continue
        silence_s = silent_s.get(worker, float("inf"))
        started_ms, created_ms = number(entry.get("startedat")), number(entry.get("createdat"))
        if started_ms is not None:
            age_s = now_s - started_ms / 1000
        elif created_ms is not None:
            # 2.2.1: whoever took it asked for it when it was heard last, or before.
            age_s = min(now_s - created_ms / 1000, silence_s)
        else:
            age_s = 0.0
        fingerprint = (task_id, worker, started_ms, str(entry.get("progress")))
        yield Begun(task_id, worker, age_s, silence_s, fingerprint)


def _silences_s(workers: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds since each name was heard, with any type of task."""
    silent_s: dict[str, float] = {}
    for entry in workers:
        try:
            name, ping_s = str(entry["name"]), float(entry["lastping"]) / 1000
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if abs(ping_s) < _NEVER_S:
            silent_s[name] = min(ping_s, silent_s.get(name, float("inf")))
    return silent_s
