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

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.lease_keeper import keep_leases
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import BridgeUnavailable
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.slots import Slots
from taskworker_classifyimage.pipeline.take import Taker, take
from taskworker_classifyimage.tasks import UNKNOWN, Task
from taskworker_classifyimage.worker.hand_back import hand_back
from taskworker_classifyimage.worker.in_flight import InFlight
from taskworker_classifyimage.worker.recovery import Recovery
from taskworker_classifyimage.worker.tally import log_tally

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
        self._recovery = Recovery(client, outage, taker)
        self._slots = Slots(limits.threads, limits.in_flight)
        self._in_flight = InFlight(handler, self._slots, self._recovery)
        self._left_over: deque[str] = deque()
        self._asking: set[asyncio.Task[None]] = set()
        self._is_busy = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then leaves no task behind that the bridge can be told of.

        Raises:
            UserError: it cannot work any more; it sets `stop`, and others can do its tasks.
        """
        taking = asyncio.create_task(self._take_all(stop))
        stopping = asyncio.create_task(stop.wait())
        failing = asyncio.create_task(self._in_flight.fault())
        tallying = asyncio.create_task(log_tally(self._handler, self._limits.tally_interval_s))
        keeping = asyncio.create_task(keep_leases(self._client, self._outage, self.in_hand))
        try:
            first = {taking, stopping, failing}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                stop.set()
        finally:
            tallying.cancel()
            stopping.cancel()
            failing.cancel()
            await self._end(taking)
            keeping.cancel()
        if not taking.cancelled():
            # Before a stop it ends only by a fault of this program, which is to be seen.
            taking.result()
        if not failing.cancelled():
            raise failing.result()

    def in_hand(self) -> set[str]:
        """Ids of the tasks that were taken and are not yet reported."""
        return self._in_flight.ids().union(self._left_over)

    def status(self) -> str:
        """What it is at, in a line for people."""
        tally, away = self._handler.tally, "; the bridge is away" if self._outage.is_down else ""
        count = f"{tally.classified} classified, {tally.failed} failed"
        return f"{len(self.in_hand())} in flight, {count}{away}"

    async def _take_all(self, stop: asyncio.Event) -> None:
        if await self._look():
            await self._handler.forget_results_but(self._left_over)
        while not stop.is_set():
            await self._slots.acquire()
            if self._recovery.is_due:
                await self._look()
            if stop.is_set():
                self._slots.release()
            elif self._left_over:
                self._in_flight.begin(Task(self._left_over.popleft(), UNKNOWN), take_s=0.0)
            else:
                await self._take_open(stop)

    async def _look(self) -> bool:
        """Finds what was taken under our name and is not in hand, if the bridge tells."""
        if self._asking:
            # What they are about to get would look like a task that was lost.
            await asyncio.wait(self._asking)
        found = await self._recovery.look(self.in_hand())
        for task_id in found or []:
            _log.info("task %r was taken and left unfinished, and is taken up", task_id)
            self._left_over.append(task_id)
        return found is not None

    async def _take_open(self, stop: asyncio.Event) -> None:
        """Asks for a task for the slot that was acquired."""
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
            task = await self._outage.attempt(lambda: take(self._client, self._taker))
        except BridgeUnavailable as err:
            if err.may_have_done_it:
                self._recovery.note_lost_take()
        except asyncio.CancelledError:
            self._recovery.note_lost_take()
            raise
        finally:
            self._is_busy = task is not None
            if task is None:
                self._slots.release()
            else:
                self._in_flight.begin(task, time.perf_counter() - start_s)

    async def _end(self, taking: asyncio.Task[None]) -> None:
        _log.info("stopping, %d tasks are in flight", len(self.in_hand()))
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._limits.drain_s
        asking = {taking, *self._asking}
        if not self._outage.is_down:
            # A take that is cut off may have got a task that nobody would ever know of.
            await asyncio.wait(asking, timeout=self._limits.drain_s)
        for each in asking:
            each.cancel()
        await asyncio.wait(asking)
        cut_off = await self._in_flight.end(max(0.0, deadline_s - loop.time()))
        try:
            async with asyncio.timeout(self._limits.hand_back_s):
                await self._hand_back(cut_off.union(self._left_over))
        except TimeoutError:
            _log.warning("the bridge did not answer in time while tasks were handed back")

    async def _hand_back(self, unfinished: set[str]) -> None:
        """Hands back what did not finish, and what was taken without our ever hearing of it."""
        worker = self._taker.worker
        returning = asyncio.create_task(hand_back(self._client, self._outage, worker, unfinished))
        try:
            if self._recovery.is_wanted:
                lost = await self._recovery.look(unfinished) or []
                await hand_back(self._client, self._outage, worker, lost)
            await returning
        finally:
            returning.cancel()
