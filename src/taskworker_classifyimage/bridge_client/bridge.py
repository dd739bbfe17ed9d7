"""One bridge for one worker: every call waits for a bridge that is down, and ends with its task.

The pipeline and the worker's life know only this class: not the HTTP client, not the state of an
outage, not the numbers of leases.
"""

import asyncio
import logging
import random
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.answers import (
    COMPLETED,
    IN_PROGRESS,
    REMOVED,
    standing_in,
)
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.bridge_client.reports import MOST_BYTES, Reports
from taskworker_classifyimage.bridge_client.room import NoRoom, Room
from taskworker_classifyimage.bridge_client.several import Taken
from taskworker_classifyimage.bridge_client.time_limit import TimeLimit
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TaskGone
from taskworker_classifyimage.logs import about_task
from taskworker_classifyimage.proxy import describe_route

_log = logging.getLogger(__name__)

#: Pause between two looks for leases that are due for renewal.
_RENEWAL_INTERVAL_S: Final = 0.25
#: Pause after a renewal that failed; a bridge that was down starts all leases anew.
_RENEWAL_PAUSE_S: Final = 2.0
#: How many tasks are taken at once, at a bridge that can; how much of a file each may bring along,
#: and all that have not been fetched from here yet.
_MOST_TASKS: Final = 32
_FILE_BYTES: Final = 2**17
_FILES_BYTES: Final = 16 * 2**20
#: A call that a working bridge fails to answer so often is given up: after about a minute.
_TRIES: Final = 10
#: A download that breaks off after so much was worth its try.
_PROGRESS_BYTES: Final = 2**16

T = TypeVar("T")


class Bridge:
    """A bridge as one worker uses it.

    Attributes:
        worker: the worker's name.
        task_type: the only type of task that is taken.
    """

    def __init__(self, client: BridgeClient, worker: str, task_type: str) -> None:
        """Uses a client that the caller opens and closes."""
        self._client = client
        self._outage = Outage(describe_route(client.url))
        self._reports = Reports(self._send_reports)
        #: Files that came with takes, by task.
        self._files: dict[str, bytes] = {}
        self._in_hand: Callable[[], Collection[str]] = frozenset
        #: How much of files the takes have asked for that are under way.
        self._asked_bytes = 0
        self.worker = worker
        self.task_type = task_type

    @property
    def url(self) -> str:
        """The bridge's root URL, without credentials."""
        return self._client.url

    @property
    def now_s(self) -> float:
        """The bridge's clock, in seconds since the epoch."""
        return self._client.now_s

    @property
    def is_down(self) -> bool:
        """Whether the last call found the bridge unavailable."""
        return self._outage.is_down

    @property
    def silence_s(self) -> float | None:
        """Seconds since the bridge last answered; None: it has not yet."""
        return self._outage.silence_s

    @property
    def waits(self) -> bool:
        """Whether a take may wait there; see `BridgeClient.waits`."""
        return self._client.waits

    @property
    def most_tasks(self) -> int:
        """How many tasks one take may get."""
        return _MOST_TASKS if self._client.batches else 1

    def limit(self, seconds: float) -> AbstractAsyncContextManager[TimeLimit]:
        """Limits the time of a block; the clock stops while the bridge is down, and when told to.

        Raises:
            TimeoutError: the time is over.
        """
        return self._outage.limit(seconds)

    async def take(
        self,
        abilities: Mapping[str, str],
        *others: Mapping[str, str],
        wait_s: float = 0.0,
        most: int = 1,
    ) -> list[tuple[str, object]]:
        """Takes the oldest open tasks that the abilities suit: their ids and data; tries once.

        Files that come along are there for `file`.

        Args:
            abilities: what the worker can do.
            others: what else it can do, for a bridge at which a take waits.
            wait_s: how long it may wait there for a task.
            most: how many tasks it may get, at most `most_tasks`.

        Raises:
            BridgeUnavailable: the bridge did not answer; it may have given us tasks.
        """
        held_bytes = self._asked_bytes + sum(map(len, self._files.values()))
        files_bytes = max(0, min(most * _FILE_BYTES, _FILES_BYTES - held_bytes))

        async def take() -> list[Taken]:
            # A call that finds out whether a bridge is back must not wait.
            most_s = 0.0 if self.is_down else wait_s
            taken = await self._client.take(
                self.task_type,
                self.worker,
                abilities,
                *others,
                wait_s=most_s,
                most=most,
                files_bytes=files_bytes,
            )
            if not taken:
                await self._client.check_kind()
            return taken

        self._asked_bytes += files_bytes
        try:
            taken = await self._outage.call(take)
        finally:
            self._asked_bytes -= files_bytes
        self._files |= {each.id: each.file for each in taken if each.file is not None}
        return [(each.id, each.data) for each in taken]

    async def file(self, task_id: str, limit_bytes: int, room: Room | None = None) -> bytes:
        """Downloads a task's file, as soon as there is room for it, unless it came with the task.

        Raises:
            TaskGone: the task was removed, reopened or completed in the meantime.
            TooLarge: the file has more than `limit_bytes`.
            BridgeRejected: the bridge has no file for this task.
            BridgeUnavailable: the bridge answers other calls, and this one not after many tries.
        """
        file = self._files.pop(task_id, None)
        if file is not None and len(file) <= limit_bytes:
            if room is None or room.take_now(len(file)):
                return file
            # It must not stay in memory until there is room.
            del file
        transfer = self._client.transfer(task_id, limit_bytes, room)
        while True:
            try:
                return await self._retry(
                    task_id,
                    lambda: self._client.file(task_id, transfer),
                    lambda: transfer.arrived_bytes,
                )
            except NoRoom as err:
                # Without a connection: a server cuts off clients that do not read.
                assert room is not None  # noqa: S101 - only a room has none
                await room.take(err.size_bytes)
            except BridgeRejected:
                await self._check_still_ours(task_id)
                raise

    async def data(self, task_id: str) -> object:
        """What the client put into a task, if it is in progress with this worker.

        Raises:
            TaskGone: the task was removed, reopened or completed, or another worker has it.
            TooLarge: the data are far larger than those of any task of ours.
            BridgeUnavailable: the bridge answers other calls, and this one not after many tries.
        """
        try:
            details = await self._retry(task_id, lambda: self._client.details(task_id))
        except BridgeRejected:
            raise TaskGone("it was removed") from None
        standing = standing_in(details, self.worker)
        if standing != IN_PROGRESS:
            raise TaskGone(f"it is {standing}")
        return details.get("data")

    async def complete(self, task_id: str, result: dict[str, object]) -> bool:
        """Reports a result once; returns whether the bridge has it now.

        Raises:
            TaskGone: the task was removed, or its lease ended and another worker has it.
            BridgeRejected: the bridge refuses this result permanently.
        """
        try:
            await self._complete(task_id, result)
        except BridgeUnavailable:
            return False
        except BridgeRejected as err:
            if err.status == 404:
                raise TaskGone("it was removed") from None
            if err.status == 409:
                raise TaskGone("its lease ended and another worker has it") from None
            raise
        return not self._client.loses_changes or await self._status(task_id) != IN_PROGRESS

    async def _complete(self, task_id: str, result: dict[str, object]) -> None:
        if self._client.batches:
            report = self._client.report(task_id, result)
            status = None
            if len(report) <= MOST_BYTES:
                status = await self._reports.deliver(report, len(self._in_hand()))
            if status == 200:
                return
            if status is not None:
                raise BridgeRejected(f"the bridge answers {status} to a result", status)
            # Alone it may be accepted.
        await self._outage.call(lambda: self._client.complete(task_id, result))

    async def _send_reports(self, reports: Sequence[bytes]) -> list[int]:
        return await self._outage.call(lambda: self._client.complete_all(reports))

    async def complete_again(self, task_id: str, result: dict[str, object]) -> None:
        """Repeats a report that failed until the bridge has the result.

        Raises:
            TaskGone: the task was removed or reopened, or another worker has it.
            BridgeRejected: the bridge refuses this result permanently.
        """
        for delay_s in _delays_s():
            standing = await self._standing(task_id)
            if standing == COMPLETED:
                # Only the answer to an earlier report was lost.
                return
            if standing != IN_PROGRESS:
                raise TaskGone(f"it is {standing}")
            await asyncio.sleep(delay_s)
            if await self.complete(task_id, result):
                return

    async def hand_back(self, task_id: str) -> bool:
        """Reopens a task that is in progress with this worker; tries once, during an outage too.

        Returns:
            Whether it was reopened.

        Raises:
            BridgeRejected: the task was removed.
            BridgeUnavailable: the bridge did not answer.
        """
        return await self._client.reopen(task_id, self.worker)

    async def reopen(self, task_id: str, worker: str) -> bool:
        """Reopens a task that is in progress with another worker; returns whether it was reopened.

        Raises:
            BridgeRejected: the task was removed.
        """
        return await self._outage.call_until_answered(lambda: self._client.reopen(task_id, worker))

    async def tasks(self) -> list[dict[str, Any]]:
        """All tasks, as `BridgeClient.tasks` gives them.

        Raises:
            BridgeRejected: the bridge does not list its tasks.
        """
        return await self._outage.call_until_answered(self._client.tasks)

    async def workers(self) -> list[dict[str, Any]]:
        """The workers that asked for tasks lately, as `BridgeClient.workers` gives them.

        Raises:
            BridgeRejected: the bridge does not list its workers.
        """
        return await self._outage.call_until_answered(self._client.workers)

    async def keep_leases(self, in_hand: Callable[[], Collection[str]]) -> None:
        """Renews leases until cancelled; tasks shorter than a third of their lease cost no call.

        Files of tasks that are not in hand any more, and that nobody has fetched, are forgotten.

        A lost lease is no error: the report of its task finds out whether another worker has it.

        Args:
            in_hand: returns the ids of the tasks that were taken and are not yet reported.
        """
        leases, self._in_hand = self._client.leases, in_hand
        while True:
            await asyncio.sleep(_RENEWAL_INTERVAL_S)
            held = in_hand()
            self._files = {each: file for each, file in self._files.items() if each in held}
            for task_id in leases.due(held):
                if self.is_down:
                    break
                try:
                    await self._client.renew(task_id)
                except BridgeRejected as err:
                    leases.give_up(task_id)
                    # It may also have been reported a moment ago; if not, the report finds out.
                    about = about_task(task_id, "renew")
                    _log.debug("the lease of task %r is lost: %s", task_id, err, extra=about)
                except BridgeUnavailable:
                    await asyncio.sleep(_RENEWAL_PAUSE_S)
                    break

    async def _retry(
        self,
        task_id: str,
        call: Callable[[], Awaitable[T]],
        progress: Callable[[], int] = lambda: 0,
    ) -> T:
        """Repeats a call about a task for as long as the task is still ours.

        `progress` gives the bytes that have arrived so far: as long as they grow, it goes on.
        """
        problem = BridgeUnavailable("it was not called")
        delays_s, tries, arrived_bytes = _delays_s(), 0, 0
        while tries < _TRIES:
            while self.is_down:
                # A small call finds out whether the bridge is back, not one that may take minutes.
                await self._check_still_ours(task_id)
            try:
                return await self._outage.call(call)
            except BridgeUnavailable as err:
                problem = err
            tries += 1
            if progress() >= arrived_bytes + _PROGRESS_BYTES:
                delays_s, tries, arrived_bytes = _delays_s(), 0, progress()
            # 2.2.1 cuts the connection for a task that was removed, as a dead server would.
            await self._check_still_ours(task_id)
            await asyncio.sleep(next(delays_s))
        raise problem

    async def _check_still_ours(self, task_id: str) -> None:
        status = await self._status(task_id)
        if status != IN_PROGRESS:
            raise TaskGone(f"it is {status}")

    async def _status(self, task_id: str) -> str:
        return await self._answer_or_removed(lambda: self._client.status(task_id))

    async def _standing(self, task_id: str) -> str:
        return await self._answer_or_removed(lambda: self._client.standing(task_id, self.worker))

    async def _answer_or_removed(self, call: Callable[[], Awaitable[str]]) -> str:
        try:
            return await self._outage.call_until_answered(call)
        except BridgeRejected:
            return REMOVED


@asynccontextmanager
async def open_bridge(address: BridgeAddress, worker: str, task_type: str) -> AsyncIterator[Bridge]:
    """Connects a worker to a bridge for the time of the block; nothing is sent yet."""
    async with BridgeClient(address) as client:
        yield Bridge(client, worker, task_type)


def _delays_s() -> Iterator[float]:
    """Pauses between calls that fail although the bridge answers others, longer and longer."""
    usual_s = 0.1
    while True:
        yield usual_s * random.uniform(1.0, 1.5)  # noqa: S311 - jitter
        usual_s = min(2 * usual_s, 15.0)
