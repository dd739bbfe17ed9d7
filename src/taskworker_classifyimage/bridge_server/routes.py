"""The calls of the protocol, one handler each: parse, ask the store, answer.

Every call is answered with and without a slash at its end, as clients write both.
"""

import json
import re
import uuid
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage.bridge_server import bodies
from taskworker_classifyimage.bridge_server.intake import Intake
from taskworker_classifyimage.bridge_server.leases import Leases
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.records import TaskDetails, TaskState
from taskworker_classifyimage.bridge_server.store import Completion, TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads
from taskworker_classifyimage.bridge_server.workers import WorkerRoster

#: The release whose protocol this server speaks; clients ask for it.
PROTOCOL_VERSION: Final = "1.3.0"
#: Between two pages of a long list the server answers other calls.
_PAGE_TASKS: Final = 1000
#: All that this server ever made; anything else is unknown before the database is asked.
_TASK_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class TaskRoutes:
    """The handlers, over the parts that they share."""

    def __init__(self, store: TaskStore, uploads: Uploads, leases: Leases, limits: Limits) -> None:
        self._store = store
        self._uploads = uploads
        self._leases = leases
        self._limits = limits
        self._intake = Intake(limits)
        self._roster = WorkerRoster()

    def table(self) -> list[web.RouteDef]:
        """All routes."""
        calls: tuple[tuple[str, str, Handler], ...] = (
            ("POST", "/api/tasks/add", self.add),
            ("POST", "/api/tasks/take", self.take),
            ("GET", "/api/tasks/file/{id}", self.file),
            ("POST", "/api/tasks/renew/{id}", self.renew),
            ("POST", "/api/tasks/progress/{id}", self.progress),
            ("POST", "/api/tasks/complete/{id}", self.complete),
            ("GET", "/api/tasks/restart/{id}", self.restart),
            ("GET", "/api/tasks/status/{id}", self.status),
            ("GET", "/api/tasks/result/{id}", self.result),
            ("GET", "/api/tasks/details/{id}", self.details),
            ("GET", "/api/tasks/list", self.list),
            ("DELETE", "/api/tasks/remove/{id}", self.remove),
            ("GET", "/api/tasks/statistics", self.statistics),
            ("GET", "/api/tasks/workerstatistics", self.worker_statistics),
            ("GET", "/api/workers/list", self.workers),
            ("GET", "/api/version", self.version),
        )
        return [
            web.route(method, path + slash, handler)
            for method, path, handler in calls
            for slash in ("", "/")
        ]

    async def add(self, request: web.Request) -> web.Response:
        """POST tasks/add: a new task, with its file if it has one."""
        with self._uploads.receive(str(uuid.uuid4()), self._limits) as upload:
            task = await bodies.read_add(request, upload, self._intake)
            upload.finish()
            self._store.add(task)
        return web.json_response({"id": task.id})

    async def take(self, request: web.Request) -> web.Response:
        """POST tasks/take: the oldest open task that suits the worker, or an empty 404."""
        wanted = await bodies.read_take(request, self._intake)
        taken = self._store.take(wanted.type, wanted.worker, wanted.abilities, leased=wanted.leased)
        if wanted.worker is not None:
            self._roster.note(wanted.worker, wanted.type, taken.id if taken else None)
        if taken is None:
            return web.Response(status=404)
        members: dict[str, str | None] = {"id": json.dumps(taken.id), "data": taken.data}
        if wanted.leased:
            self._leases.begin(taken.id, taken.attempt)
            members |= self._lease(taken.attempt)
        return _json_object(members)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET tasks/file/:id: the bytes as they were added."""
        state = self._known(request)
        if not state.has_file:
            raise web.HTTPNotFound(text="the task has no file")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{state.id}"',
        }
        if "Range" not in request.headers:
            content = self._uploads.read_small(state.id)
            if content is not None:
                return web.Response(body=content, headers=headers)
        return web.FileResponse(self._uploads.path(state.id), headers=headers)

    async def renew(self, request: web.Request) -> web.Response:
        """POST tasks/renew/:id: the worker is alive, and keeps the task."""
        attempt = await bodies.read_renewal(request, self._intake)
        if not self._leases.renew(_task_id(request), attempt):
            self._known(request)
            raise web.HTTPConflict(text="this lease has ended")
        return web.Response()

    async def progress(self, request: web.Request) -> web.Response:
        """POST tasks/progress/:id: how far the worker is."""
        progress = await bodies.read_progress(request, self._intake)
        return _done(self._store.set_progress(_task_id(request), progress))

    async def complete(self, request: web.Request) -> web.Response:
        """POST tasks/complete/:id: the result."""
        result, attempt = await bodies.read_result(request, self._intake)
        task_id = _task_id(request)
        completion = self._store.complete(task_id, result, attempt)
        if completion is Completion.TAKEN_OVER:
            raise web.HTTPConflict(text="another worker has taken the task since")
        self._leases.end(task_id)
        return _done(completion is Completion.ACCEPTED)

    async def restart(self, request: web.Request) -> web.Response:
        """GET tasks/restart/:id: the task is open again."""
        if request.method == "HEAD":
            # Whoever only wants headers expects that nothing happens.
            raise web.HTTPMethodNotAllowed("HEAD", ["GET"])
        task_id = _task_id(request)
        is_known = self._store.restart(task_id)
        self._leases.end(task_id)
        return _done(is_known)

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE tasks/remove/:id: the task and its file are gone."""
        task_id = _task_id(request)
        removed = self._store.remove(task_id)
        self._leases.end(task_id)
        if removed:
            self._uploads.remove(task_id)
        return _done(removed)

    async def status(self, request: web.Request) -> web.Response:
        """GET tasks/status/:id: the status, and the progress once a worker told it."""
        state = self._known(request)
        return web.json_response(
            _without_none({"status": state.status, "progress": state.progress})
        )

    async def result(self, request: web.Request) -> web.Response:
        """GET tasks/result/:id: the result, or {} while there is none."""
        return _json_object({"result": self._known_details(request).result})

    async def details(self, request: web.Request) -> web.Response:
        """GET tasks/details/:id: everything about a task."""
        details = self._known_details(request)
        members: dict[str, str | None] = {
            key: json.dumps(value) for key, value in _listed(details.state).items()
        }
        members["requirements"] = details.state.requirements or None
        members["data"] = details.data
        members["result"] = details.result
        if details.attempt is not None:
            members |= self._lease(details.attempt)
        return _json_object(members)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET tasks/list: all tasks, oldest first, without data and results.

        With `?status=inprogress` only those; whatever else is asked for changes nothing.
        """
        is_begun = request.query.get("status") == "inprogress"
        response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        await response.prepare(request)
        separator, after_seq = "[", 0
        while True:
            page, after_seq = self._store.page(after_seq, _PAGE_TASKS, is_begun=is_begun)
            if not page:
                break
            tasks = ",".join(json.dumps(_listed(state)) for state in page)
            await response.write((separator + tasks).encode())
            separator = ","
        await response.write(b"[]" if separator == "[" else b"]")
        await response.write_eof()
        return response

    async def statistics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET tasks/statistics: completed tasks by type."""
        return web.json_response(self._store.statistics())

    async def worker_statistics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET tasks/workerstatistics: completed tasks by worker and type."""
        return web.json_response(self._store.worker_statistics())

    async def workers(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET workers/list: who asked for work in the last half hour."""
        return web.json_response(self._roster.listed())

    async def version(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET version: the release whose protocol is spoken here."""
        return web.Response(text=PROTOCOL_VERSION)

    def _lease(self, attempt: int) -> dict[str, str | None]:
        return {"lease": json.dumps(self._leases.length_s), "attempt": json.dumps(attempt)}

    def _known(self, request: web.Request) -> TaskState:
        state = self._store.state(_task_id(request))
        if state is None:
            raise _unknown_task()
        return state

    def _known_details(self, request: web.Request) -> TaskDetails:
        details = self._store.details(_task_id(request))
        if details is None:
            raise _unknown_task()
        return details


def _task_id(request: web.Request) -> str:
    task_id = request.match_info["id"]
    if _TASK_ID.fullmatch(task_id) is None:
        raise _unknown_task()
    return task_id


def _unknown_task() -> web.HTTPNotFound:
    return web.HTTPNotFound(text="there is no such task")


def _done(is_known: bool) -> web.Response:
    """An empty 200 for a change that was made; clients never read its body."""
    if not is_known:
        raise _unknown_task()
    return web.Response()


def _listed(state: TaskState) -> dict[str, str | int]:
    """A task as the list shows it; keys without a value are left out."""
    return _without_none(
        {
            "id": state.id,
            "type": state.type,
            "file": state.id if state.has_file else None,
            "status": state.status,
            "progress": state.progress,
            "createdat": state.createdat,
            "startedat": state.startedat,
            "completedat": state.completedat,
            "worker": state.worker,
        }
    )


def _without_none(members: dict[str, str | int | None]) -> dict[str, str | int]:
    return {key: value for key, value in members.items() if value is not None}


def _json_object(members: dict[str, str | None]) -> web.Response:
    """Put JSON texts together as they are: stored data is never parsed again."""
    pairs = (f'"{key}": {text}' for key, text in members.items() if text is not None)
    return web.Response(text="{" + ", ".join(pairs) + "}", content_type="application/json")
