"""report: a result to the bridge, however long the bridge is away."""

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeRejected, TaskGone, TaskLeft
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults


class Reporter:
    """Delivers results, and keeps on disk those that could not be delivered at once.

    Attributes:
        undelivered: the results on disk.
    """

    def __init__(
        self, bridge: Bridge, undelivered: UndeliveredResults, *, patience_s: float = 60.0
    ) -> None:
        """Takes its collaborators.

        Args:
            bridge: the bridge to report to.
            undelivered: where results wait.
            patience_s: how long a result keeps its slot that a working bridge does not accept, if
                it is on disk.
        """
        self._bridge = bridge
        self._patience_s = patience_s
        self.undelivered = undelivered

    async def report(
        self, task_id: str, result: dict[str, object], *, is_kept: bool = False
    ) -> None:
        """Delivers a result; waits while the bridge is down.

        Args:
            task_id: the task's id.
            result: its result.
            is_kept: the result was on disk: it may have arrived already, or be obsolete.

        Raises:
            TaskGone: the task was removed or reopened; its result is obsolete.
            TaskLeft: the bridge answers and does not accept the result, which is kept on disk.
            BridgeRejected: the bridge refuses this result permanently.
        """
        if not is_kept:
            if await self._bridge.complete(task_id, result):
                return
            is_kept = await self.undelivered.keep(task_id, result)
        try:
            async with self._bridge.limit(self._patience_s if is_kept else float("inf")):
                await self._bridge.complete_again(task_id, result)
        except TimeoutError:
            raise TaskLeft("the bridge does not accept its result") from None
        except (TaskGone, BridgeRejected):
            await self.undelivered.drop(task_id)
            raise
        await self.undelivered.drop(task_id)
