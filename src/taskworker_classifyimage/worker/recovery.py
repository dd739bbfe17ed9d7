"""Finding the tasks that this worker has and does not know.

A bridge without leases never gives a taken task to anyone else, so the worker that took it has to
finish it. A worker that was killed, or that lost the answer to a take, finds such tasks in the
bridge's list: in progress under its own name, and not in hand. The list of a large bridge is long,
so it is read only when there is a reason.
"""

import logging
from collections.abc import Callable, Container
from typing import Final

from taskworker_classifyimage.bridge_client.answers import IN_PROGRESS
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected

_log = logging.getLogger(__name__)

#: A take whose answer was lost may reach a bridge that hangs long after we gave it up.
_SECOND_LOOK_S: Final = 60.0
#: Until a task that could not be brought to its end is tried again.
_LEFT_S: Final = 600.0
#: The pause between two looks: at least so long, and so many times the duration of a look.
_LEAST_PAUSE_S: Final = 5.0
_PAUSE_FACTOR: Final = 30.0


class Recovery:
    """Knows when this worker may have a task that it does not know, and finds it."""

    def __init__(self, bridge: Bridge, *, clock: Callable[[], float]) -> None:
        self._bridge = bridge
        self._clock = clock
        #: An earlier run may have left tasks behind.
        self._due_s = clock()
        self._not_before_s = self._due_s
        self._is_second_look_wanted = False

    @property
    def is_wanted(self) -> bool:
        """Whether there is a reason to look."""
        return self._clock() >= self._due_s

    @property
    def is_due(self) -> bool:
        """Whether there is a reason to look, and the last look is long enough ago."""
        return self.is_wanted and self._clock() >= self._not_before_s

    def note_lost_take(self) -> None:
        """The answer to a take was lost: the bridge may have given us a task."""
        self._due_s = self._clock()
        self._is_second_look_wanted = True

    def note_left(self) -> None:
        """A task was left in progress on purpose, until later."""
        self._due_s = min(self._due_s, self._clock() + _LEFT_S)

    async def look(self, in_hand: Container[str]) -> list[str] | None:
        """Ids of the tasks that are in progress under our name and not in hand, oldest first.

        No take may be under way meanwhile. Waits while the bridge is down.

        Args:
            in_hand: ids of the tasks that were in hand before this call.

        Returns:
            The ids; None if the bridge does not list its tasks.
        """
        start_s = self._clock()
        try:
            listed = await self._bridge.tasks()
        except BridgeRejected as err:
            _log.warning("cannot look for unfinished tasks: %s; is this a TaskBridge?", err)
            listed = None
        end_s = self._clock()
        # A refusal may come from a proxy whose bridge has not started yet.
        is_over = listed is not None and not self._is_second_look_wanted
        self._due_s = float("inf") if is_over else end_s + _SECOND_LOOK_S
        self._is_second_look_wanted = False
        self._not_before_s = end_s + max(_LEAST_PAUSE_S, _PAUSE_FACTOR * (end_s - start_s))
        if listed is None:
            return None
        return [
            entry["id"]
            for entry in listed
            if isinstance(entry.get("id"), str)
            and entry.get("type") == self._bridge.task_type
            and entry.get("status") == IN_PROGRESS
            and entry.get("worker") == self._bridge.worker
            and entry["id"] not in in_hand
        ]
