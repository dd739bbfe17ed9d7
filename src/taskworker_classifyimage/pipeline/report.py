"""report: a result to the bridge, however long the bridge is away."""

import asyncio

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    TaskGone,
    TaskLeft,
)
from taskworker_classifyimage.pipeline.insist import (
    COMPLETED,
    IN_PROGRESS,
    REMOVED,
    delays_s,
    standing_of,
    status_of,
)
from taskworker_classifyimage.pipeline.kept import KeptResults


class Reporter:
    """Delivers results, and keeps on disk what could not be delivered at once.

    Attributes:
        kept: where results wait.
        worker: whose tasks they are.
    """

    def __init__(
        self,
        client: BridgeClient,
        outage: Outage,
        kept: KeptResults,
        worker: str,
        *,
        patience_s: float = 60.0,
    ) -> None:
        """Takes what it works with.

        Args:
            client: of the bridge.
            outage: of the bridge.
            kept: where results wait.
            worker: whose tasks they are.
            patience_s: a result that a working bridge does not accept for so long gives its slot
                to another task, if it is on disk.
        """
        self._client = client
        self._outage = outage
        self.worker = worker
        self._patience_s = patience_s
        self.kept = kept

    async def report(
        self, task_id: str, result: dict[str, object], *, is_kept: bool = False
    ) -> None:
        """Delivers a result, outlasting a bridge that is down.

        Args:
            task_id: the task's.
            result: its result.
            is_kept: the result was kept, so it may have arrived already or be of no use any more.

        Raises:
            TaskGone: the task was removed or reopened; its result is of no use.
            TaskLeft: the bridge is there and does not accept it; the result is kept on disk.
            BridgeRejected: the bridge refuses this result for ever.
        """
        if not is_kept:
            if await self._deliver(task_id, result):
                return
            is_kept = await self.kept.keep(task_id, result)
        try:
            async with self._outage.limit(self._patience_s if is_kept else float("inf")):
                await self._insist(task_id, result)
        except TimeoutError:
            raise TaskLeft("the bridge does not accept its result") from None
        except (TaskGone, BridgeRejected):
            await self.kept.drop(task_id)
            raise
        await self.kept.drop(task_id)

    async def _insist(self, task_id: str, result: dict[str, object]) -> None:
        for delay_s in delays_s():
            standing = await self._standing_of(task_id)
            if standing == COMPLETED:
                # Only the answer to an earlier report was lost.
                return
            if standing != IN_PROGRESS:
                raise TaskGone(f"it is {standing}")
            # Here the bridge is known to be there, so this time is ours, and not an outage's.
            await asyncio.sleep(delay_s)
            if await self._deliver(task_id, result):
                return

    async def _standing_of(self, task_id: str) -> str:
        try:
            return await self._outage.outlast(
                lambda: standing_of(self._client, task_id, self.worker)
            )
        except BridgeRejected:
            return REMOVED

    async def _deliver(self, task_id: str, result: dict[str, object]) -> bool:
        """Tries once; whether the bridge has the result now."""
        try:
            await self._outage.attempt(lambda: self._client.complete(task_id, result))
        except BridgeUnavailable:
            return False
        except BridgeRejected as err:
            if err.status == 404:
                raise TaskGone("it was removed") from None
            if err.status == 409:
                raise TaskGone("its lease ran out and another worker has it") from None
            raise
        if self._client.loses_changes:
            return await status_of(self._client, self._outage, task_id) != IN_PROGRESS
        return True
