"""The TaskBridge protocol: one method for each call.

Works with the releases 1.3.0, 2.2.1 and 3.1.0 and with the embedded bridge: every URL ends in a
slash (2.2.1 redirects otherwise), and answers to a report are never parsed.
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

from taskworker_classifyimage import __version__
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.answers import (
    IN_PROGRESS,
    AnswerTooLarge,
    is_id,
    objects,
    parse_json,
    path_segment,
    standing_in,
    status_in,
)
from taskworker_classifyimage.bridge_client.connection import CallLimits, Connection, form
from taskworker_classifyimage.bridge_client.file_transfer import FileTransfer, SlowDownloads
from taskworker_classifyimage.bridge_client.leases import Leases
from taskworker_classifyimage.bridge_client.room import Room
from taskworker_classifyimage.bridge_client.several import (
    Taken,
    join_results,
    parse_statuses,
    parse_taken,
)
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TooLarge, printable

#: The share of the longest silence of a connection for which a call may wait.
_WAITING: Final = 2 / 3


class BridgeClient:
    """Calls one TaskBridge. Use as an async context manager; the constructor opens nothing.

    Every method raises `BridgeUnavailable` when trying again later can help, and
    `BridgeRejected` with the HTTP status when it cannot.

    Attributes:
        leases: the tasks that the bridge has leased to us; see `Bridge.keep_leases`.
    """

    def __init__(self, address: BridgeAddress, limits: CallLimits | None = None) -> None:
        self._address = address
        self._limits = limits or CallLimits()
        self._connection = Connection(address, self._limits)
        self._one_change = asyncio.Lock()
        self._is_sturdy = False
        self._lists_workers = False
        self._is_absent = False
        self._has_root = False
        self._slow = SlowDownloads()
        self.leases = Leases()

    @property
    def loses_changes(self) -> bool:
        """Whether the server may acknowledge a change and lose it, as 2.2.1 does.

        It copies its list when a client adds a task, and loses what is written to the old one.
        """
        return not self._is_sturdy and not self.waits

    @property
    def waits(self) -> bool:
        """Whether takes and questions for a status may wait, as they can at the embedded bridge."""
        return "wait" in self._connection.extensions

    @property
    def batches(self) -> bool:
        """Whether it gives several tasks at once, and takes several results."""
        return "batch" in self._connection.extensions

    @property
    def now_s(self) -> float:
        """The clock of the bridge in its last answer, in seconds since the epoch; else our own."""
        try:
            return parsedate_to_datetime(self._connection.date).timestamp()
        except (ValueError, OverflowError, OSError):
            return time.time()

    @property
    def url(self) -> str:
        """The bridge's root URL, without credentials."""
        return self._connection.root

    async def __aenter__(self) -> Self:
        self._connection.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def add(self, task_type: str, data: dict[str, object], file: bytes) -> str:
        """Adds a task; returns its id."""
        content = form({"json": json.dumps({"type": task_type, "data": data})}, file)
        body = parse_json(await self._connection.call("POST", "tasks/add/", content), "tasks/add/")
        return str(body.get("id")) if isinstance(body, dict) else ""

    async def remove(self, task_id: str) -> None:
        """Deletes a task and its file."""
        await self._about(task_id, "DELETE", "remove")

    async def take(
        self,
        task_type: str,
        worker: str,
        abilities: Mapping[str, str],
        *others: Mapping[str, str],
        wait_s: float = 0.0,
        most: int = 1,
        files_bytes: int = 0,
    ) -> list[Taken]:
        """Takes the oldest open task that these abilities suit, if there is one.

        A bridge that `waits` also compares `others`, and answers with none only after `wait_s`. One
        that `batches` gives up to `most` tasks, with up to `files_bytes` of their files.

        Raises only `BridgeUnavailable`: a server that refuses this call has no work for us.
        """
        await self._find_root()
        try:
            # 3.1.0 gives a task whose requirements are `{}` only to a worker that sends abilities.
            # Only the embedded bridge knows the keys after them; the releases ignore them.
            asked = {
                "type": task_type,
                "worker": worker,
                "abilities": abilities,
                "lease": True,
                "version": __version__,
            }
            total_s = None
            if self.batches:
                asked |= {"most": most, "filebytes": files_bytes}
            if self.waits and wait_s > 0:
                wait_s = min(wait_s, _WAITING * self._limits.silence_s)
                asked |= {"wait": wait_s, "others": others}
                total_s = wait_s + self._limits.call_s
            async with self._change():
                answer = await self._connection.call(
                    "POST",
                    "tasks/take/",
                    asked,
                    limit_bytes=self._limits.json_bytes + files_bytes,
                    total_s=total_s,
                )
        except BridgeRejected as err:
            if err.status == 404:
                if self._is_absent:
                    await self._check_presence()
                return []
            raise BridgeUnavailable(
                f"{err}; is this a TaskBridge?", may_have_done_it=False
            ) from None
        taken = parse_taken(answer, most)
        # Only 2.2.1 answers with the whole task.
        self._is_sturdy = "status" not in taken[0].answer
        for task in taken:
            self.leases.note(task.id, task.answer, is_new=True)
        return taken

    async def renew(self, task_id: str) -> None:
        """Renews the lease of a task."""
        body, total_s = self.leases.as_json(task_id), self.leases.renewal_limit_s(task_id)
        await self._about(task_id, "POST", "renew", body, total_s=total_s)
        self.leases.note_renewal(task_id)

    def transfer(self, task_id: str, limit_bytes: int, room: Room | None = None) -> FileTransfer:
        """The download of a task's file, before anything has arrived."""
        return FileTransfer(f"the file of task {task_id!r}", limit_bytes, room, self._slow)

    async def file(self, task_id: str, transfer: FileTransfer) -> bytes:
        """Downloads a task's file, or what `transfer` still lacks of it.

        Raises:
            TooLarge: it is larger than it may be, or than there is ever room for.
            NoRoom: there is no room for it now; nothing of it was read.
        """
        path = f"tasks/file/{path_segment(task_id)}/"
        try:
            async with self._checking_presence():
                return await self._connection.download(path, transfer)
        except AnswerTooLarge:
            raise TooLarge(f"the file has more than {transfer.limit_bytes} bytes") from None

    async def complete(self, task_id: str, result: dict[str, object]) -> None:
        """Reports a task's result.

        Raises:
            BridgeRejected: 404: it was removed; 409: its lease ended and another worker has it.
        """
        async with self._change():
            body = {"result": result, **self.leases.as_json(task_id)}
            await self._about(task_id, "POST", "complete", body)

    def report(self, task_id: str, result: dict[str, object]) -> bytes:
        """A result as `complete_all` sends it: JSON."""
        report = {"id": task_id, "result": result, **self.leases.as_json(task_id)}
        return json.dumps(report).encode()

    async def complete_all(self, reports: Sequence[bytes]) -> list[int]:
        """Sends reports to a bridge that `batches`; returns what `complete` of each would answer.

        Raises:
            BridgeRejected: none of them has arrived.
        """
        answer = await self._connection.call("POST", "tasks/complete/", join_results(reports))
        return parse_statuses(answer, len(reports))

    async def result(self, task_id: str) -> object:
        """The result of a completed task."""
        body = parse_json(await self._about(task_id, "GET", "result"), "tasks/result/")
        return body.get("result") if isinstance(body, dict) else None

    async def restart(self, task_id: str) -> None:
        """Makes a task open again."""
        async with self._change():
            await self._about(task_id, "GET", "restart")

    async def reopen(self, task_id: str, worker: str) -> bool:
        """Makes a task open again if it is in progress with this worker; returns whether it was."""
        if await self.standing(task_id, worker) != IN_PROGRESS:
            return False
        await self.restart(task_id)
        return True

    async def status(self, task_id: str, *, wait_s: float = 0.0) -> str:
        """A task's status: "open", "inprogress" or "completed".

        A bridge that `waits` may answer only when a task that a worker has is completed, or after
        `wait_s`.
        """
        wait_s = min(wait_s, _WAITING * self._limits.silence_s)
        query = f"?wait={wait_s:g}"
        total_s = wait_s + self._limits.call_s
        answer = await self._about(task_id, "GET", "status", query=query, total_s=total_s)
        return status_in(parse_json(answer, "tasks/status/"))

    async def standing(self, task_id: str, worker: str) -> str:
        """A task's status, or "with another worker" if another worker works on it."""
        try:
            return standing_in(await self.details(task_id), worker)
        except TooLarge:
            return await self.status(task_id)

    async def details(self, task_id: str) -> dict[str, Any]:
        """Everything the bridge knows about a task, including its `data`.

        Raises:
            TooLarge: the data are far larger than those of any task of ours.
        """
        try:
            answer = await self._about(task_id, "GET", "details")
            body = parse_json(answer, "tasks/details/")
        except AnswerTooLarge:
            raise TooLarge("the task's data are too large") from None
        if not isinstance(body, dict):
            return {}
        self.leases.note(task_id, body, is_new=False)
        return body

    async def tasks(self) -> list[dict[str, Any]]:
        """All tasks whose ids can be used in calls, without their data and results.

        The embedded bridge lists only those in progress; the releases ignore that filter.
        """
        path, limit_bytes = "tasks/list/?status=inprogress", self._limits.list_bytes
        listed = await self._json("GET", path, limit_bytes=limit_bytes)
        return [entry for entry in objects(listed) if is_id(entry.get("id"))]

    async def open_types(self) -> dict[str, int]:
        """How many open tasks there are of each type."""
        listed = await self._json("GET", "tasks/list/", limit_bytes=self._limits.list_bytes)
        is_open = (entry for entry in objects(listed) if entry.get("status") == "open")
        return dict(Counter(str(entry.get("type")) for entry in is_open))

    async def workers(self) -> list[dict[str, Any]]:
        """The workers that asked for tasks lately; 2.2.1 gives every value as text."""
        await self._find_root()
        listed = objects(await self._json("GET", "workers/list/"))
        self._lists_workers, self._is_absent = True, False
        return listed

    async def check_kind(self) -> None:
        """Makes sure, once, that this is a bridge: any server may answer that it has no task.

        Raises:
            BridgeUnavailable: it has no list of workers, which every release has.
        """
        if self._lists_workers:
            return
        try:
            await self.workers()
        except BridgeRejected as err:
            raise BridgeUnavailable(
                f"{err}; is this a TaskBridge?", may_have_done_it=False
            ) from None

    async def version(self) -> str | None:
        """The bridge's release; None where it does not say (2.2.1, 3.1.0)."""
        try:
            answer = await self._connection.call("GET", "version")
        except BridgeRejected:
            return None
        return printable(answer[:400].decode("utf-8", "replace"))[:40]

    async def _about(
        self,
        task_id: str,
        method: str,
        call: str,
        body: dict[str, object] | None = None,
        *,
        query: str = "",
        total_s: float | None = None,
    ) -> bytes:
        """Makes a call about one task; returns the body of the answer."""
        async with self._checking_presence():
            path = f"tasks/{call}/{path_segment(task_id)}/{query}"
            return await self._connection.call(method, path, body, total_s=total_s)

    @asynccontextmanager
    async def _checking_presence(self) -> AsyncIterator[None]:
        """Around a call about one task."""
        try:
            yield
        except BridgeRejected as err:
            if err.status == 404:
                await self._check_presence()
            raise

    async def _check_presence(self) -> None:
        """Finds out after a 404 whether it was about the task or about the whole bridge.

        Some reverse proxies answer 404 to everything while their bridge is away.

        Raises:
            BridgeUnavailable: the list of workers, which was there before, is not found either.
        """
        try:
            await self.workers()
        except BridgeRejected as err:
            if self._lists_workers:
                self._is_absent = True
                raise BridgeUnavailable(
                    f"{err} and to everything else", may_have_done_it=False
                ) from None

    async def _find_root(self) -> None:
        """Finds out, once, whether "/api" at the end of the address belongs to the root.

        Some clients' settings have the address of the API, which lies below the root.
        """
        given = self._address.url
        if self._has_root or not given.endswith("/api"):
            return
        for root in (given, given.removesuffix("/api")):
            self._connection.root = root
            with contextlib.suppress(BridgeRejected, BridgeUnavailable):
                if isinstance(await self._json("GET", "workers/list/"), list):
                    self._has_root = True
                    return
        self._connection.root = given

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[None]:
        """Sends one change at a time to a server that may not survive two at once.

        2.2.1 writes its maps without a lock and dies ("fatal error: concurrent map writes") when
        two calls meet. A server is treated like that until a take has shown otherwise.
        """
        if not self.loses_changes:
            yield
            return
        async with self._one_change:
            yield

    async def _json(
        self,
        method: str,
        path: str,
        body: dict[str, object] | None = None,
        *,
        limit_bytes: int | None = None,
        total_s: float | None = None,
    ) -> Any:
        answer = await self._connection.call(
            method, path, body, limit_bytes=limit_bytes, total_s=total_s
        )
        return parse_json(answer, path)
