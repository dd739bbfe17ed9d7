"""Reopening tasks whose worker is dead: a bridge without leases would never do it.

A task is stuck when it has been in progress for too long. Bridges differ in what they say about
the time: 2.2.1 stores no start, and no bridge's clock need be ours. A worker that runs for long
measures itself.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskworker_classifyimage.bridge_client.answers import IN_PROGRESS, finite_number
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected

_log = logging.getLogger(__name__)

_LONGEST_INTERVAL_S: Final = 60.0
#: 2.2.1 says 292 years for a worker whose first call it has forgotten.
_NEVER_S: Final = 1e9

#: Tasks and workers as the bridge lists them.
Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Begun:
    """A task in progress, as the bridge's lists show it.

    Attributes:
        worker: the worker that took it; "" if the bridge does not say.
        age_s: how long it has been in progress, at least.
        silent_s: seconds since the bridge heard of the worker; infinite if it knows none.
        fingerprint: changes when anybody does anything with the task.
    """

    id: str
    worker: str
    age_s: float
    silent_s: float
    fingerprint: tuple[object, ...]


def begun_tasks(tasks: Entries, workers: Entries, task_type: str, now_s: float) -> list[Begun]:
    """The tasks of a type that are in progress, oldest first.

    Args:
        tasks: the bridge's list of tasks.
        workers: the bridge's list of workers.
        task_type: the type.
        now_s: the bridge's clock, in seconds since the epoch.
    """
    silent_s = _silences_s(workers)
    return [
        _begun(entry, silent_s.get(str(entry.get("worker", "")), float("inf")), now_s)
        for entry in tasks
        if entry.get("type") == task_type
        and entry.get("status") == IN_PROGRESS
        and isinstance(entry.get("id"), str)
    ]


class Rescuer:
    """Reopens the tasks of dead workers for as long as this worker runs."""

    def __init__(self, bridge: Bridge, after_s: float, *, clock: Callable[[], float]) -> None:
        self._bridge = bridge
        self._after_s = after_s
        self._clock = clock
        self._first_seen_s: dict[tuple[object, ...], float] = {}

    async def run(self) -> None:
        """Checks at intervals until cancelled."""
        while True:
            try:
                await self.check()
            except BridgeRejected as err:
                _log.warning("cannot look for stuck tasks: %s", err)
            await asyncio.sleep(min(_LONGEST_INTERVAL_S, self._after_s / 4))

    async def check(self) -> None:
        """Reopens each task that we saw unchanged for too long while its worker was silent.

        Raises:
            BridgeRejected: the bridge does not list its tasks or workers.
        """
        bridge = self._bridge
        now_s, workers = self._clock(), await bridge.workers()
        begun = begun_tasks(await bridge.tasks(), workers, bridge.task_type, bridge.now_s)
        # Our own tasks are resumed by recovery, not reopened.
        others = [task for task in begun if task.worker != bridge.worker]
        self._first_seen_s = {
            task.fingerprint: self._first_seen_s.get(task.fingerprint, now_s) for task in others
        }
        for task in others:
            age_s = now_s - self._first_seen_s[task.fingerprint]
            if min(age_s, task.silent_s) >= self._after_s and await self._reopen(task):
                _log.warning("task %r of the silent worker %r is reopened", task.id, task.worker)

    async def _reopen(self, task: Begun) -> bool:
        try:
            return await self._bridge.reopen(task.id, task.worker)
        except BridgeRejected:
            return False


def _begun(entry: Mapping[str, Any], silent_s: float, now_s: float) -> Begun:
    started_ms = finite_number(entry.get("startedat"))
    created_ms = finite_number(entry.get("createdat"))
    if started_ms is not None:
        age_s = now_s - started_ms / 1000
    elif created_ms is not None:
        # 2.2.1: its worker took it when it was last heard, or before.
        age_s = min(now_s - created_ms / 1000, silent_s)
    else:
        age_s = 0.0
    worker = str(entry.get("worker", ""))
    fingerprint = (entry["id"], worker, started_ms, str(entry.get("progress")))
    return Begun(entry["id"], worker, age_s, silent_s, fingerprint)


def _silences_s(workers: Entries) -> dict[str, float]:
    """Seconds since the bridge heard of each name, with any type of task."""
    silent_s: dict[str, float] = {}
    for entry in workers:
        try:
            name, ping_s = str(entry["name"]), float(entry["lastping"]) / 1000
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if abs(ping_s) < _NEVER_S:
            silent_s[name] = min(ping_s, silent_s.get(name, float("inf")))
    return silent_s
