"""The client's side of a bridge: adds pictures, waits for their results, removes them."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TaskGone

#: Pauses between questions for a result, growing from the first to the last.
_FIRST_S: Final = 0.03
_LAST_S: Final = 0.5
_GROWTH: Final = 1.3
#: How long one question waits at a bridge at which it can.
_WAIT_S: Final = 20.0
_COMPLETED: Final = "completed"


class Submission:
    """Has pictures classified by the workers of a bridge; outages are waited for."""

    def __init__(self, client: BridgeClient, task_type: str) -> None:
        """Takes an open connection, and the type of the tasks."""
        self._client = client
        self._task_type = task_type
        self._outage = Outage(client.url)

    async def add(self, encoded: bytes, data: Mapping[str, object]) -> str:
        """Adds a picture; returns its task's id.

        If the connection breaks before the answer, it may be added twice; the other one is done by
        a worker and removed by nobody.

        Raises:
            BridgeRejected: the bridge does not take it.
        """

        async def add() -> str:
            return await self._client.add(self._task_type, dict(data), encoded)

        return await self._outage.call_until_answered(add)

    async def wait(self, task_id: str) -> dict[str, object]:
        """Waits for a task's result, however long that takes.

        Raises:
            TaskGone: somebody has removed the task.
            BridgeRejected: the bridge does not give its result.
        """
        pause_s = _FIRST_S
        while await self._status(task_id) != _COMPLETED:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * _GROWTH, _LAST_S)
        result = await self._outage.call_until_answered(lambda: self._client.result(task_id))
        if not isinstance(result, dict):
            raise BridgeRejected("the result is no object", 200)
        return result

    async def remove(self, task_id: str) -> None:
        """Removes a task, if it is still there and the bridge answers."""
        with suppress(BridgeRejected, BridgeUnavailable):
            await self._client.remove(task_id)

    async def _status(self, task_id: str) -> str:
        try:
            return await self._outage.call_until_answered(
                lambda: self._client.status(task_id, wait_s=_WAIT_S)
            )
        except BridgeRejected as err:
            if err.status == 404:
                raise TaskGone("the bridge does not know the task") from None
            raise
