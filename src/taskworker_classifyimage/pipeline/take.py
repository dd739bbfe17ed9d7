"""take: the bridge's open tasks."""

import itertools
from collections.abc import Sequence

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.pipeline.abilities import Abilities
from taskworker_classifyimage.tasks import TASK_TYPE, Task


class Taker:
    """As whom tasks are taken, of which type, and with which abilities in turn."""

    def __init__(
        self, worker: str, offered: Sequence[Abilities] = ({},), task_type: str = TASK_TYPE
    ) -> None:
        self.worker = worker
        self.task_type = task_type
        self._turns = itertools.cycle(offered)

    def next_abilities(self) -> Abilities:
        """Those of the next question; see `offers`."""
        return next(self._turns)


async def take(client: BridgeClient, taker: Taker) -> Task | None:
    """Takes the oldest open task, None when there is none.

    Raises:
        BridgeUnavailable: see `BridgeClient`.
    """
    taken = await client.take(taker.task_type, taker.worker, taker.next_abilities())
    return None if taken is None else Task(*taken)
