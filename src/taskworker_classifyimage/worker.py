"""The worker's life: take up what was left over, take tasks until told to stop, leave none behind.

Order of the end, and why: stop taking (or it never ends), let what is begun finish (its result is
nearly paid for), hand back what does not finish in time (a bridge would never do it by itself).
"""

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.take import find_left_over, take
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import Task

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much at once, how often, how long.

    Attributes:
        in_flight: tasks taken and not yet reported, at most.
        poll_interval_s: pause after the bridge had nothing to do.
        drain_s: how long begun tasks may go on after a stop.
        hand_back_s: how long handing back may take after that.
        tally_interval_s: how often the log says what was done.
    """

    in_flight: int
    poll_interval_s: float = 0.25
    drain_s: float = 6.0
    hand_back_s: float = 2.0
    tally_interval_s: float = 60.0


class Worker:
    """Takes tasks from one bridge and has them handled, several at a time."""

    def __init__(
        self,
        client: BridgeClient,
        outage: Outage,
        handler: Handler,
        name: str,
        limits: WorkerLimits,
    ) -> None:
        self._client = client
        self._outage = outage
        self._handler = handler
        self._name = name
        self._limits = limits
        self._running: dict[asyncio.Task[None], Task] = {}
        self._left_over: deque[Task] = deque()
        self._slots = asyncio.Semaphore(limits.in_flight)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then leaves no task behind that the bridge can be told of."""
        taking = asyncio.create_task(self._take_all(stop))
        stopping = asyncio.create_task(stop.wait())
        tallying = asyncio.create_task(self._tell_tally())
        try:
            await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tallying.cancel()
            stopping.cancel()
            await self._end(taking)
        if not taking.cancelled():
            # Before a stop it ends only by a fault of this program, which is to be seen.
            taking.result()

    async def _take_all(self, stop: asyncio.Event) -> None:
        self._left_over += await find_left_over(self._client, self._outage, self._name)
        while self._left_over and not stop.is_set():
            await self._slots.acquire()
            task = self._left_over.popleft()
            _log.info("task %r was left unfinished by an earlier run and is taken up", task.id)
            self._begin(task)
        await self._take_open(stop)

    async def _take_open(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._slots.acquire()
            task = None
            try:
                task = None if stop.is_set() else await self._take()
            finally:
                if task is None:
                    self._slots.release()
            if task is not None:
                self._begin(task)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._limits.poll_interval_s)

    async def _take(self) -> Task | None:
        try:
            return await self._outage.outlast(lambda: take(self._client, self._name))
        except BridgeRejected as err:
            _log.error("the bridge refuses to give tasks: %s", err)
            return None

    def _begin(self, task: Task) -> None:
        running = asyncio.create_task(self._handler.handle(task))
        self._running[running] = task
        running.add_done_callback(self._note_end)

    def _note_end(self, running: asyncio.Task[None]) -> None:
        task = self._running.pop(running)
        self._slots.release()
        if not running.cancelled() and (error := running.exception()):
            _log.error("task %r ended by a fault of this program", task.id, exc_info=error)

    async def _end(self, taking: asyncio.Task[None]) -> None:
        _log.info("stopping, %d tasks are in flight", len(self._running))
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._limits.drain_s
        if not self._outage.is_down:
            # A take that is cut off may have got a task that nobody would ever know of.
            await asyncio.wait({taking}, timeout=self._limits.drain_s)
        taking.cancel()
        await asyncio.wait({taking})
        if self._running:
            await asyncio.wait(set(self._running), timeout=max(0.0, deadline_s - loop.time()))
        await self._hand_back()

    async def _hand_back(self) -> None:
        unfinished = [*self._running.values(), *self._left_over]
        cut_off = list(self._running)
        for running in cut_off:
            running.cancel()
        if cut_off:
            await asyncio.wait(cut_off)
        try:
            async with asyncio.timeout(self._limits.hand_back_s):
                await asyncio.gather(*(self._restart(task) for task in unfinished))
        except TimeoutError:
            _log.warning("the bridge did not answer in time while tasks were handed back")

    async def _restart(self, task: Task) -> None:
        try:
            # Its report may have arrived although it was cut off.
            if await self._client.status(task.id) == "inprogress":
                await self._client.restart(task.id)
                _log.info("task %r is handed back", task.id)
        except (BridgeUnavailable, BridgeRejected) as err:
            _log.warning(
                "task %r could not be handed back (%s); a worker that starts under the same name "
                "takes it up",
                task.id,
                err,
            )

    async def _tell_tally(self) -> None:
        tally, told = self._handler.tally, (0, 0)
        while True:
            await asyncio.sleep(self._limits.tally_interval_s)
            now = (tally.classified, tally.failed)
            if now != told:
                _log.info(
                    "%d pictures classified and %d failed in the last %.0f s",
                    now[0] - told[0],
                    now[1] - told[1],
                    self._limits.tally_interval_s,
                )
            told = now
