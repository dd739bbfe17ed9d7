"""The tasks that are being worked on, each in a slot of its own."""

import asyncio
import logging
from typing import Final

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.errors import MachineShort, TaskLeft, UserError
from taskworker_classifyimage.logs import TASK, about_task
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.tasks import Task
from taskworker_classifyimage.worker.hand_back import hand_back
from taskworker_classifyimage.worker.recovery import Recovery
from taskworker_classifyimage.worker.slots import Slots

_log = logging.getLogger(__name__)

#: How long no task is taken after the machine ran short of something; doubled each time.
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


class InFlight:
    """Runs tasks; the caller acquires a slot for each, and the task's end releases it."""

    def __init__(self, bridge: Bridge, handler: Handler, slots: Slots, recovery: Recovery) -> None:
        self._bridge = bridge
        self._pause_s = _FIRST_PAUSE_S
        self._handler = handler
        self._slots = slots
        self._recovery = recovery
        self._running: dict[asyncio.Task[None], str] = {}
        self._unanswered: set[str] = set()
        self._faults: asyncio.Queue[UserError] = asyncio.Queue()

    def ids(self) -> set[str]:
        """Ids of the tasks that have begun and not ended."""
        return set(self._running.values())

    def begin(self, task: Task, take_s: float | None) -> None:
        """Starts to handle a task, and returns at once.

        Args:
            task: the task.
            take_s: seconds that its take took; None for one that waited for the task.
        """
        # A client reopened it while we work on it, or 2.2.1 gave it to two takes at once.
        twins = {running for running, task_id in self._running.items() if task_id == task.id}
        timing = Timing(take_s)
        running = asyncio.create_task(self._handle(task, timing, twins))
        self._running[running] = task.id
        running.add_done_callback(self._note_end)

    async def fault(self) -> UserError:
        """Waits until an error shows that this installation cannot do any task."""
        return await self._faults.get()

    async def end(self, within_s: float) -> set[str]:
        """Waits for all tasks, then cancels the rest; returns the ids of all unanswered tasks."""
        if self._running:
            _, late = await asyncio.wait(set(self._running), timeout=within_s)
            self._unanswered.update(self._running[running] for running in late)
            for running in late:
                running.cancel()
            if late:
                await asyncio.wait(late)
        return self._unanswered

    async def _handle(self, task: Task, timing: Timing, twins: set[asyncio.Task[None]]) -> None:
        # For this task of the event loop alone.
        TASK.set(lambda: about_task(task.id, timing.step, task.age_s))
        if twins:
            await asyncio.wait(twins)
            # The bridge knows whether anything is left to do.
            task, timing = Task(task.id, is_resumed=True), Timing()
        try:
            is_ordinary = await self._handler.handle(task, timing, self._slots.aside)
        except TaskLeft as err:
            _log.error("task %r is left until later: %s", task.id, err)
            self._recovery.note_left()
            return
        except MachineShort as err:
            await self._hand_back(task, err)
            return
        except UserError as err:
            self._unanswered.add(task.id)
            self._faults.put_nowait(err)
            return
        except Exception:  # noqa: BLE001 - logged; the others go on
            _log.exception("task %r ended by a fault of this program", task.id)
            self._recovery.note_left()
            return
        if is_ordinary:
            self._pause_s = _FIRST_PAUSE_S
            if "take" in timing.seconds:
                self._slots.observe(timing.network_s, timing.compute_s)

    async def _hand_back(self, task: Task, err: MachineShort) -> None:
        """Pauses, longer each time, and lets another worker, or this one later, do the task."""
        if self._slots.pause(self._pause_s):
            _log.warning(
                "the machine is short of %s; tasks are handed back, the next is taken in %.0f s",
                err,
                self._pause_s,
            )
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        await hand_back(self._bridge, {task.id})

    def _note_end(self, running: asyncio.Task[None]) -> None:
        del self._running[running]
        self._slots.release()
