"""The worker's life: take up what was left over, take tasks until told to stop, leave none behind.

Order of the end, and why: stop taking (or it never ends), let what is begun finish (its result is
nearly paid for), hand back what does not finish in time (a bridge would never do it by itself).
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from dataclasses import dataclass

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.slots import Slots
from taskworker_classifyimage.pipeline.take import Taker, find_left_over, take
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.lease_keeper import keep_leases
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import Task

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much at once, how often, how long.

    Attributes:
        threads: that compute, and are to be kept busy.
        in_flight: tasks taken and not yet reported, at most; None: as many as the network needs.
        poll_interval_s: pause after the bridge had nothing to do.
        drain_s: how long begun tasks may go on after a stop.
        hand_back_s: how long handing back may take after that.
        tally_interval_s: how often the log says what was done.
    """

    threads: int
    in_flight: int | None = None
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
        taker: Taker,
        limits: WorkerLimits,
    ) -> None:
        self._client = client
        self._outage = outage
        self._handler = handler
        self._taker = taker
        self._limits = limits
        self._running: dict[asyncio.Task[None], Task] = {}
        self._left_over: deque[Task] = deque()
        self._slots = Slots(limits.threads, limits.in_flight)
        self._asking: set[asyncio.Task[None]] = set()
        self._is_busy = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then leaves no task behind that the bridge can be told of."""
        taking = asyncio.create_task(self._take_all(stop))
        stopping = asyncio.create_task(stop.wait())
        tallying = asyncio.create_task(self._tell_tally())
        keeping = asyncio.create_task(keep_leases(self._client, self._outage, self._in_hand))
        try:
            await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tallying.cancel()
            stopping.cancel()
            await self._end(taking)
            keeping.cancel()
        if not taking.cancelled():
            # Before a stop it ends only by a fault of this program, which is to be seen.
            taking.result()

    def _in_hand(self) -> set[str]:
        """Ids of the tasks that were taken and are not yet reported."""
        return {task.id for task in (*self._running.values(), *self._left_over)}

    async def _take_all(self, stop: asyncio.Event) -> None:
        self._left_over += await find_left_over(self._client, self._outage, self._taker)
        while self._left_over and not stop.is_set():
            await self._slots.acquire()
            task = self._left_over.popleft()
            _log.info("task %r was left unfinished by an earlier run and is taken up", task.id)
            self._begin(task, take_s=0.0)
        await self._take_open(stop)

    async def _take_open(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._slots.acquire()
            if stop.is_set():
                self._slots.release()
                return
            asking = asyncio.create_task(self._ask())
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
            if not self._is_busy:
                # As long as there is nothing to do, one question at a time and then a pause.
                await asyncio.wait({asking})
                if not self._is_busy:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), self._limits.poll_interval_s)

    async def _ask(self) -> None:
        """Takes a task if there is one, and begins it in the slot that was acquired."""
        start_s = time.perf_counter()
        task = None
        try:
            task = await self._outage.outlast(lambda: take(self._client, self._taker))
        finally:
            self._is_busy = task is not None
            # 2.2.1 may give one task to two questions at the same instant.
            if task is None or any(task.id == other.id for other in self._running.values()):
                self._slots.release()
            else:
                self._begin(task, time.perf_counter() - start_s)

    def _begin(self, task: Task, take_s: float) -> None:
        running = asyncio.create_task(self._handle(task, take_s))
        self._running[running] = task
        running.add_done_callback(self._note_end)

    async def _handle(self, task: Task, take_s: float) -> None:
        timing = await self._handler.handle(task)
        if timing is not None:
            self._slots.observe(take_s + timing.network_s, timing.compute_s)

    def _note_end(self, running: asyncio.Task[None]) -> None:
        task = self._running.pop(running)
        self._slots.release()
        if not running.cancelled() and (error := running.exception()):
            _log.error("task %r ended by a fault of this program", task.id, exc_info=error)

    async def _end(self, taking: asyncio.Task[None]) -> None:
        _log.info("stopping, %d tasks are in flight", len(self._running))
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._limits.drain_s
        asking = {taking, *self._asking}
        if not self._outage.is_down:
            # A take that is cut off may have got a task that nobody would ever know of.
            await asyncio.wait(asking, timeout=self._limits.drain_s)
        for each in asking:
            each.cancel()
        await asyncio.wait(asking)
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
        tally, told = self._handler.tally, (0, 0, 0)
        while True:
            await asyncio.sleep(self._limits.tally_interval_s)
            now = (tally.classified, tally.failed, self._handler.repeated)
            if now != told:
                done, failed, repeated = (new - old for new, old in zip(now, told, strict=True))
                _log.info(
                    "in the last %.0f s %d pictures classified, %d of them seen before; %d failed",
                    self._limits.tally_interval_s,
                    done,
                    repeated,
                    failed,
                )
            told = now
