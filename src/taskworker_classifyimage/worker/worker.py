"""The worker's loop: resume what was left over, take tasks until stopped, leave none behind.

The order of the end: stop taking (or it never ends), let begun tasks finish (their results are
nearly paid for), hand back what does not finish in time (a bridge without leases would never
reopen it).
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import Final

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import BridgeUnavailable
from taskworker_classifyimage.logs import about_task
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.take import Taker
from taskworker_classifyimage.tasks import Task
from taskworker_classifyimage.words import counted
from taskworker_classifyimage.worker.hand_back import hand_back
from taskworker_classifyimage.worker.in_flight import InFlight
from taskworker_classifyimage.worker.recovery import Recovery
from taskworker_classifyimage.worker.slots import Slots

_log = logging.getLogger(__name__)

#: From one question for a task to the next while there is none.
_POLL_INTERVAL_S: Final = 0.25
#: How long such a question waits at a bridge at which it can.
_WAIT_S: Final = 20.0
#: Takes of several tasks that are under way; what one more could get, these can get as well.
_MOST_TAKES: Final = 4
#: How long begun tasks may go on after a stop, and then how long handing back may take.
_DRAIN_S: Final = 6.0
_HAND_BACK_S: Final = 2.0
#: How often the log says how many pictures were classified.
_SUMMARY_INTERVAL_S: Final = 60.0


class Worker:
    """Takes tasks from one bridge and has them handled, several at a time."""

    def __init__(self, bridge: Bridge, handler: Handler, taker: Taker, slots: Slots) -> None:
        self._bridge = bridge
        self._handler = handler
        self._taker = taker
        self._recovery = Recovery(bridge, clock=asyncio.get_running_loop().time)
        self._slots = slots
        self._in_flight = InFlight(bridge, handler, slots, self._recovery)
        self._left_over: deque[str] = deque()
        self._takes: set[asyncio.Task[None]] = set()
        self._waiting_take: asyncio.Task[None] | None = None
        self._is_busy = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then hands back what the bridge can be told of.

        Raises:
            UserError: this installation cannot do any task; sets `stop`, for others can.
        """
        taking = asyncio.create_task(self._take_all(stop))
        stopping = asyncio.create_task(stop.wait())
        failing = asyncio.create_task(self._in_flight.fault())
        summing = asyncio.create_task(self._log_summaries())
        keeping = asyncio.create_task(self._bridge.keep_leases(self.in_hand))
        try:
            first = {taking, stopping, failing}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                stop.set()
        finally:
            for task in (summing, stopping, failing):
                task.cancel()
            self._slots.resume()
            await self._end(taking)
            keeping.cancel()
        if not taking.cancelled():
            # Before a stop it ends only by a fault of this program, which must not be hidden.
            taking.result()
        if not failing.cancelled():
            raise failing.result()

    def in_hand(self) -> set[str]:
        """Ids of the tasks that were taken and are not yet reported."""
        return self._in_flight.ids().union(self._left_over)

    def status(self) -> str:
        """What the worker is doing, in one line for people."""
        figures = self._handler.figures
        away = "; the bridge is away" if self._bridge.is_down else ""
        count = f"{figures.classified} classified, {figures.failed} failed"
        return f"{len(self.in_hand())} in flight, {count}{away}"

    async def _take_all(self, stop: asyncio.Event) -> None:
        if await self._find_left_over():
            await self._handler.drop_results_except(self._left_over)
        while not stop.is_set():
            self._slots.has_leases = self._bridge.waits
            await self._slots.acquire()
            if self._recovery.is_due:
                await self._find_left_over()
            if stop.is_set():
                self._slots.release()
            elif self._left_over:
                self._in_flight.begin(Task(self._left_over.popleft(), is_resumed=True), take_s=None)
            else:
                await self._start_take(stop)

    async def _find_left_over(self) -> bool:
        """Finds tasks that are ours and not in hand; returns whether the bridge lists its tasks."""
        if self._takes:
            # Tasks that a take is about to get would look like lost ones.
            await asyncio.wait(self._takes)
        found = await self._recovery.look(self.in_hand())
        for task_id in found or []:
            about = about_task(task_id, "resume")
            _log.info("task %r was taken and left unfinished; it is resumed", task_id, extra=about)
            self._left_over.append(task_id)
        return found is not None

    async def _start_take(self, stop: asyncio.Event) -> None:
        """Starts a take for the slot that was acquired, and for others that are free."""
        most = self._taker.most
        while most > 1 and len(self._takes) >= _MOST_TAKES:
            await asyncio.wait(self._takes, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            self._slots.release()
            return
        count = 1 + self._slots.acquire_free(most - 1)
        if self._is_busy:
            self._begin_take(count, wait_s=0.0)
            return
        # While the bridge has nothing, one take at a time, which waits there or is followed by a
        # pause.
        begun_s = asyncio.get_running_loop().time()
        self._waiting_take = self._begin_take(count, _WAIT_S)
        await asyncio.wait({self._waiting_take})
        self._waiting_take = None
        if not self._is_busy:
            took_s = asyncio.get_running_loop().time() - begun_s
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, _POLL_INTERVAL_S - took_s))

    def _begin_take(self, count: int, wait_s: float) -> asyncio.Task[None]:
        take = asyncio.create_task(self._take(count, wait_s))
        self._takes.add(take)
        take.add_done_callback(self._takes.discard)
        return take

    async def _take(self, count: int, wait_s: float) -> None:
        """Takes tasks, if there are any, and begins them in the slots that were acquired."""
        start_s = time.perf_counter()
        tasks: list[Task] = []
        try:
            tasks = await self._taker.take(wait_s, count)
        except BridgeUnavailable as err:
            if err.may_have_done_it:
                self._recovery.note_lost_take()
        except asyncio.CancelledError:
            self._recovery.note_lost_take()
            raise
        finally:
            self._is_busy = bool(tasks)
            self._slots.release(count - len(tasks))
            has_waited = wait_s > 0 and self._bridge.waits
            take_s = None if has_waited else time.perf_counter() - start_s
            for task in tasks:
                self._in_flight.begin(task, take_s)

    async def _log_summaries(self) -> None:
        """Logs at intervals what was done since the last line; runs until cancelled."""
        figures, before = self._handler.figures, (0, 0, 0)
        while True:
            await asyncio.sleep(_SUMMARY_INTERVAL_S)
            now = (figures.classified, figures.failed, self._handler.cache_hits)
            if now != before:
                done, failed, repeated = (new - old for new, old in zip(now, before, strict=True))
                _log.info(
                    "in the last %.0f s: %s classified, %d of them seen before; %d failed",
                    _SUMMARY_INTERVAL_S,
                    counted(done, "picture"),
                    repeated,
                    failed,
                )
            before = now

    async def _end(self, taking: asyncio.Task[None]) -> None:
        _log.info("stopping, %s in flight", counted(len(self.in_hand()), "task"))
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _DRAIN_S
        takes = {taking, *self._takes}
        if self._waiting_take is not None and self._bridge.waits:
            # What it may have got just now is found before the end.
            self._waiting_take.cancel()
        if not self._bridge.is_down:
            # A take that is cut off may have got a task that nobody would ever know of.
            await asyncio.wait(takes, timeout=_DRAIN_S)
        for take in takes:
            take.cancel()
        await asyncio.wait(takes)
        cut_off = await self._in_flight.end(max(0.0, deadline_s - loop.time()))
        try:
            async with asyncio.timeout(_HAND_BACK_S):
                await self._hand_back(cut_off.union(self._left_over))
        except TimeoutError:
            _log.warning("the bridge did not answer in time while tasks were handed back")

    async def _hand_back(self, unfinished: set[str]) -> None:
        """Hands back what did not finish, and tasks whose take we never heard an answer to."""
        returning = asyncio.create_task(hand_back(self._bridge, unfinished))
        try:
            if self._recovery.is_wanted:
                lost = await self._recovery.look(unfinished) or []
                await hand_back(self._bridge, lost)
            await returning
        finally:
            returning.cancel()
