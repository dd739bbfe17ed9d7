"""The calls about one task, one handler each: parse, ask the store, answer."""

import asyncio
import errno
import logging
import os
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, TypeVar, cast

import msgspec
from aiohttp import web

from taskworker_classifyimage.bridge_server import bodies
from taskworker_classifyimage.bridge_server.answers import (
    JSON_TYPE,
    Calls,
    make_routes,
    to_response,
)
from taskworker_classifyimage.bridge_server.connections import Connection
from taskworker_classifyimage.bridge_server.expiry import LeaseTimes
from taskworker_classifyimage.bridge_server.file_answer import FileAnswer
from taskworker_classifyimage.bridge_server.limits import Limits, RequestMemory
from taskworker_classifyimage.bridge_server.rarely import RareLog
from taskworker_classifyimage.bridge_server.records import TASK_ID, TakenTask, TaskState
from taskworker_classifyimage.bridge_server.several import answer_several
from taskworker_classifyimage.bridge_server.store import Completion, TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads
from taskworker_classifyimage.bridge_server.waiting import LONGEST_S, Waiting
from taskworker_classifyimage.bridge_server.workers import WorkerRoster

_Record = TypeVar("_Record")

_log = logging.getLogger(__name__)

#: How many types a line of the log names, and how much of each.
_SHOWN_TYPES: Final = 5
_SHOWN_TYPE: Final = 100
#: How long a question for the status of a task in progress waits if it does not say so.
_WAIT_S: Final = 1.0
#: A worker that has asked so lately asks again; it then gets one of the first open tasks.
_SOON_S: Final = 0.25
_NEXT_TASKS: Final = 32
#: What a report of several results says of each: the status of the call that reports only one.
_STATUSES: Final = {
    Completion.ACCEPTED: 200,
    Completion.UNKNOWN: 404,
    Completion.TAKEN_OVER: 409,
}
#: How long a new task waits for its refusal when the disk is full.
_FULL_DISK_S: Final = 0.5


class TaskRoutes:
    """The handlers, each named by the last word of its path, and what they share."""

    def __init__(
        self,
        store: TaskStore,
        uploads: Uploads,
        leases: LeaseTimes,
        roster: WorkerRoster,
        waiting: Waiting,
        limits: Limits,
    ) -> None:
        self._store = store
        self._waiting = waiting
        self._uploads = uploads
        self._leases = leases
        self._roster = roster
        self._limits = limits
        self._memory = RequestMemory(limits)
        self._hints = RareLog(_log, logging.WARNING)

    def table(self) -> list[web.RouteDef]:
        """All routes."""
        calls: Calls = (
            ("POST", "/api/tasks/add", self.add),
            ("POST", "/api/tasks/take", self.take),
            ("GET", "/api/tasks/file/{id}", self.file),
            ("POST", "/api/tasks/renew/{id}", self.renew),
            ("POST", "/api/tasks/progress/{id}", self.progress),
            ("POST", "/api/tasks/complete/{id}", self.complete),
            ("POST", "/api/tasks/complete", self.complete_all),
            ("GET", "/api/tasks/restart/{id}", self.restart),
            ("GET", "/api/tasks/status/{id}", self.status),
            ("GET", "/api/tasks/result/{id}", self.result),
            ("GET", "/api/tasks/details/{id}", self.details),
            ("DELETE", "/api/tasks/remove/{id}", self.remove),
        )
        return make_routes(calls)

    async def add(self, request: web.Request) -> web.Response:
        """POST tasks/add: a new task, with its file if it has one."""
        await self._require_space(request.content_length or 0)
        with self._uploads.receive(str(uuid.uuid4()), self._limits) as upload:
            async with self._memory.hold() as held:
                task = await bodies.read_add(request, upload, held)
                # The data is written twice, into SQLite's log and from there into the database.
                await self._require_space(2 * len(task.data or ""))
                if not self._store.may_add(task, self._limits.requirements_sets):
                    raise web.HTTPServiceUnavailable(
                        text="open tasks of this type have too many different requirements"
                    )
                upload.finish()
                self._store.add(task)
        self._hint_at_type(task.type)
        return to_response({"id": task.id})

    async def take(self, request: web.Request) -> web.Response:
        """POST tasks/take: the oldest open tasks that suit the worker, or an empty 404."""
        wanted = await bodies.read_take(request, self._memory)
        taken = self._take(wanted)
        if not taken and wanted.wait > 0:
            taken = await self._wait_for_task(request, wanted)
        if not taken:
            return web.Response(status=404)
        if wanted.lease:
            for task in taken:
                self._leases.begin(task.id, task.attempt)
            length_s = self._leases.length_s
            taken = [msgspec.structs.replace(task, lease=length_s) for task in taken]
        if wanted.most is None:
            return to_response(taken[0])
        connection = cast("Connection", request.protocol)
        return await answer_several(taken, self._uploads, int(wanted.filebytes), connection)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET tasks/file/:id: the bytes as they were added."""
        file_id = self._find_state(request).file
        if file_id is None:
            raise web.HTTPNotFound(text="the task has no file")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{file_id}"',
        }
        if "Range" not in request.headers:
            content = self._uploads.read_small(file_id)
            if content is not None:
                return web.Response(body=content, headers=headers)
        return FileAnswer(self._uploads.path(file_id), headers=headers)

    async def renew(self, request: web.Request) -> web.Response:
        """POST tasks/renew/:id: the worker is alive and keeps the task."""
        attempt = await bodies.read_renewal(request, self._memory)
        if not self._leases.renew(_parse_task_id(request), attempt):
            self._find_state(request)
            raise web.HTTPConflict(text="this lease has expired")
        return web.Response()

    async def progress(self, request: web.Request) -> web.Response:
        """POST tasks/progress/:id: how far the work is."""
        progress = await bodies.read_progress(request, self._memory)
        return _confirm(self._store.set_progress(_parse_task_id(request), progress))

    async def complete(self, request: web.Request) -> web.Response:
        """POST tasks/complete/:id: the result."""
        task_id = _parse_task_id(request)
        async with self._memory.hold() as held:
            result, attempt = await bodies.read_result(request, held)
            completion = self._store.complete(task_id, result, attempt)
        if completion is Completion.TAKEN_OVER:
            raise web.HTTPConflict(text="another worker has taken the task since")
        self._leases.end(task_id)
        return _confirm(completion is Completion.ACCEPTED)

    async def complete_all(self, request: web.Request) -> web.Response:
        """POST tasks/complete: the results of several tasks, and the status of each."""
        async with self._memory.hold() as held:
            results = await bodies.read_results(request, held)
            completions = self._store.complete_all(results)
        for result, completion in zip(results, completions, strict=True):
            if completion is not Completion.TAKEN_OVER:
                self._leases.end(result.id)
        return to_response({"statuses": [_STATUSES[each] for each in completions]})

    async def restart(self, request: web.Request) -> web.Response:
        """GET tasks/restart/:id: the task is open again."""
        if request.method == "HEAD":
            # A HEAD request must change nothing.
            raise web.HTTPMethodNotAllowed("HEAD", ["GET"])
        task_id = _parse_task_id(request)
        is_known = self._store.restart(task_id)
        self._leases.end(task_id)
        return _confirm(is_known)

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE tasks/remove/:id: the task and its file are gone."""
        task_id = _parse_task_id(request)
        removed = self._store.remove(task_id)
        self._leases.end(task_id)
        if removed:
            self._uploads.remove(task_id)
        return _confirm(removed)

    async def status(self, request: web.Request) -> web.Response:
        """GET tasks/status/:id: the status, and the progress once a worker has sent it.

        With `?wait=SECONDS` (default 1) it waits for the end of a task that a worker has, or gets
        at once.
        """
        task_id, wait_s = _parse_task_id(request), _parse_wait(request)
        connection, begun_s, waited_s = cast("Connection", request.protocol), time.monotonic(), 0.0
        state = _require(self._store.find_state(task_id))
        while (most_s := min(wait_s, self._expect_change(state)) - waited_s) > 0:
            if not await self._waiting.for_change(connection, task_id, most_s):
                break
            waited_s = time.monotonic() - begun_s
            state = _require(self._store.find_state(task_id))
        progress = {} if state.progress is None else {"progress": state.progress}
        return to_response({"status": state.status, **progress})

    async def result(self, request: web.Request) -> web.Response:
        """GET tasks/result/:id: the result, or {} while there is none."""
        task_id = _parse_task_id(request)
        async with self._memory.read(task_id) as note:
            result = _require(self._store.find_details(task_id)).result
            return _note_size({} if result is None else {"result": result}, note)

    async def details(self, request: web.Request) -> web.Response:
        """GET tasks/details/:id: everything about a task."""
        task_id = _parse_task_id(request)
        async with self._memory.read(task_id) as note:
            details = _require(self._store.find_details(task_id))
            if details.attempt:
                details = msgspec.structs.replace(details, lease=self._leases.length_s)
            return _note_size(details, note)

    def _take(self, wanted: bodies.TakeRequest) -> list[TakenTask]:
        abilities = wanted.abilities or {}
        taken = self._store.take_several(
            int(wanted.most or 1),
            wanted.type,
            wanted.worker,
            abilities,
            *wanted.others,
            leased=wanted.lease,
        )
        if wanted.worker is not None:
            about = {**abilities, "version": wanted.version}
            task_id = taken[-1].id if taken else None
            self._roster.note(wanted.worker, wanted.type, task_id, about)
        return taken

    async def _wait_for_task(
        self, request: web.Request, wanted: bodies.TakeRequest
    ) -> list[TakenTask]:
        connection = cast("Connection", request.protocol)
        until_s = time.monotonic() + min(wanted.wait, LONGEST_S)
        offers = (wanted.abilities or {}, *wanted.others)
        with ExitStack() as stack:
            if wanted.worker is not None:
                stack.enter_context(self._roster.waiting(wanted.worker, wanted.type))
            while (left_s := until_s - time.monotonic()) > 0:
                if not await self._waiting.for_task(connection, wanted.type, offers, left_s):
                    break
                if taken := self._take(wanted):
                    return taken
        return []

    def _expect_change(self, state: TaskState) -> float:
        """For how many seconds a question for a status may wait, as far as the task goes."""
        if state.status != "open":
            return LONGEST_S if state.status == "inprogress" else 0.0
        requirements = self._store.find_requirements(state.id)
        if self._waiting.suits(state.type, requirements):
            return LONGEST_S
        # A worker that asks again and again is about to take the first ones.
        is_asked_for = self._roster.has_asked(state.type, _SOON_S)
        is_next = is_asked_for and self._store.is_among_next(state.id, _NEXT_TASKS)
        return _SOON_S if is_next else 0.0

    async def _require_space(self, size_bytes: int) -> None:
        if not self._uploads.has_space(size_bytes, self._limits):
            self._store.free_space()
            if not self._uploads.has_space(size_bytes, self._limits):
                # Clients that try again at once would leave little time for those who work.
                await asyncio.sleep(_FULL_DISK_S)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _hint_at_type(self, task_type: str) -> None:
        """Logs that nobody asks for such tasks, though workers ask for others."""
        if others := self._roster.list_other_types(task_type):
            shown = ", ".join(repr(other[:_SHOWN_TYPE]) for other in others[:_SHOWN_TYPES])
            self._hints.write(
                f"bridge.type_nobody_asks_for type={task_type[:_SHOWN_TYPE]!r}: workers ask for"
                f" {shown}"
            )

    def _find_state(self, request: web.Request) -> TaskState:
        return _require(self._store.find_state(_parse_task_id(request)))


def _parse_task_id(request: web.Request) -> str:
    task_id = request.match_info["id"]
    if TASK_ID.fullmatch(task_id) is None:
        raise _unknown_task()
    return task_id


def _parse_wait(request: web.Request) -> float:
    text = request.query.get("wait")
    if text is None:
        return _WAIT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise web.HTTPBadRequest(text="'wait' is not a number of seconds")
    return min(seconds, LONGEST_S)


def _unknown_task() -> web.HTTPNotFound:
    return web.HTTPNotFound(text="there is no such task")


def _require(record: _Record | None) -> _Record:
    if record is None:
        raise _unknown_task()
    return record


def _confirm(is_known: bool) -> web.Response:
    """Answers a change with an empty 200; clients never read its body."""
    if not is_known:
        raise _unknown_task()
    return web.Response()


def _note_size(value: object, note: Callable[[int], None]) -> web.Response:
    body = msgspec.json.encode(value)
    note(len(body))
    return web.Response(body=body, headers=JSON_TYPE)
