"""Finding the tasks that are ours and that we know nothing of.

A bridge never gives a taken task to anyone again, so who took it has to finish it. A worker that
was killed, or that lost the answer to a take, finds such tasks in the bridge's list: in progress
under its own name, and not in its hands. The list of a large bridge is long, so it is read only
when there is a reason to.
"""

import logging
import time
from collections.abc import Callable, Container
from typing import Final

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected
from taskworker_classifyimage.pipeline.insist import IN_PROGRESS
from taskworker_classifyimage.pipeline.take import Taker

_log = logging.getLogger(__name__)

#: A take whose answer was lost may reach a bridge that hangs long after we gave it up.
_SECOND_LOOK_S: Final = 60.0
#: Until a task that could not be brought to its end is tried again.
_LEFT_S: Final = 600.0
#: Between two looks: so long at least, and so many times what a look takes.
_LEAST_PAUSE_S: Final = 5.0
_PAUSE_FACTOR: Final = 30.0


class Recovery:
    """Knows when there may be a task that is ours and not in our hands, and finds it."""

    def __init__(
        self,
        client: BridgeClient,
        outage: Outage,
        taker: Taker,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._outage = outage
        self._taker = taker
        self._clock = clock
        #: An earlier life may have left something.
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

        No take may be under way meanwhile. Waits until the bridge is there.

        Args:
            in_hand: ids of the tasks that were in our hands before this call.

        Returns:
            The ids, None if the bridge refuses to tell.
        """
        start_s = self._clock()
        try:
            listed = await self._outage.outlast(self._client.tasks)
        except BridgeRejected as err:
            _log.warning("cannot look for unfinished tasks: %s; is this a TaskBridge?", err)
            listed = None
        end_s = self._clock()
        # A refusal may be that of a proxy whose bridge has not started yet.
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
            and entry.get("type") == self._taker.task_type
            and entry.get("status") == IN_PROGRESS
            and entry.get("worker") == self._taker.worker
            and entry["id"] not in in_hand
        ]
