"""The calls about all tasks and workers: lists, counts, and the stream of events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Final, cast

import msgspec
from aiohttp import web

from taskworker_classifyimage.bridge_server.answers import (
    JSON_TYPE,
    Calls,
    make_routes,
    to_response,
)
from taskworker_classifyimage.bridge_server.connections import Connection, Connections
from taskworker_classifyimage.bridge_server.events import EventStreams
from taskworker_classifyimage.bridge_server.overviews import STATUS_FILTERS, Overviews
from taskworker_classifyimage.bridge_server.records import TaskState
from taskworker_classifyimage.bridge_server.workers import WorkerRoster

#: The TaskBridge release whose protocol this server implements; clients ask for it.
PROTOCOL_VERSION: Final = "1.3.0"
#: Between two pages of a long list the server answers other calls.
_PAGE_TASKS: Final = 1000
_MOST_NEWEST: Final = 100_000
_LONGEST_WORD: Final = 100
_EVENTS_TYPE: Final = {
    "Content-Type": "text/event-stream",
    # nginx would gather the events.
    "X-Accel-Buffering": "no",
}


class OverviewRoutes:
    """The handlers, each named by the last word of its path, and what they share."""

    def __init__(
        self,
        overviews: Overviews,
        roster: WorkerRoster,
        streams: EventStreams,
        connections: Connections,
    ) -> None:
        self._overviews = overviews
        self._roster = roster
        self._streams = streams
        self._connections = connections

    def table(self) -> list[web.RouteDef]:
        """All routes."""
        calls: Calls = (
            ("GET", "/api/tasks/list", self.list),
            ("GET", "/api/tasks/statistics", self.statistics),
            ("GET", "/api/tasks/workerstatistics", self.worker_statistics),
            ("GET", "/api/workers/list", self.workers),
            ("GET", "/api/events", self.events),
            ("GET", "/api/labels/find", self.find_labels),
            ("GET", "/api/version", self.version),
        )
        return make_routes(calls)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET tasks/list: all tasks, oldest first, without data and results.

        With `?status=inprogress` only the tasks in progress; other queries are ignored. With
        `?newest=N` at most so many, newest first, and `status` may be any, or "failed".
        """
        newest, status = request.query.get("newest"), request.query.get("status")
        if newest is None:
            pages = _list_all(self._overviews, only_in_progress=status == "inprogress")
        else:
            pages = _list_newest(self._overviews, _parse_count(newest), _parse_status(status))
        # Before the answer begins: an error can still be answered.
        page = await anext(pages, None)
        response = web.StreamResponse(headers=JSON_TYPE)
        await response.prepare(request)
        separator = b"["
        while page is not None:
            if page:
                await response.write(separator + msgspec.json.encode(page)[1:-1])
                separator = b","
            page = await anext(pages, None)
        await response.write(b"[]" if separator == b"[" else b"]")
        await response.write_eof()
        return response

    async def statistics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET tasks/statistics: completed tasks by type."""
        return to_response(self._overviews.count_completions())

    async def worker_statistics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET tasks/workerstatistics: completed tasks by worker and type."""
        return to_response(self._overviews.count_completions_by_worker())

    async def workers(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET workers/list: the workers that asked for tasks in the last half hour."""
        return to_response(self._roster.list_recent(self._overviews.count_in_flight()))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """GET events: what happens, as server-sent events, until the client goes."""
        connection = cast("Connection", request.protocol)
        stream = self._streams.open(connection.cut)
        try:
            with self._connections.wait(connection, stream.end) as has_place:
                if not has_place:
                    raise web.HTTPServiceUnavailable(text="too many streams of events; ask again")
                response = web.StreamResponse(headers=_EVENTS_TYPE)
                await response.prepare(request)
                # The page has gone, as pages do.
                with suppress(ConnectionError):
                    async for payload in stream.read():
                        await response.write(payload)
                return response
        finally:
            self._streams.drop(stream)

    async def find_labels(self, request: web.Request) -> web.Response:
        """GET labels/find?word=W&language=L: the classes and categories that a word means."""
        word, language = request.query.get("word", ""), request.query.get("language", "en")
        if not 1 <= len(word) <= _LONGEST_WORD or len(language) > _LONGEST_WORD:
            raise web.HTTPBadRequest(text="'word' has to be a word")
        # It reads files and imports NumPy the first time.
        return to_response(await asyncio.to_thread(_find_labels, word, language))

    async def version(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET version: the release whose protocol this server implements."""
        return web.Response(text=PROTOCOL_VERSION)


def _find_labels(word: str, language: str) -> object:
    from taskworker_classifyimage.classify.labels import (  # noqa: PLC0415 - imports NumPy
        find_label_files,
    )
    from taskworker_classifyimage.classify.search import (  # noqa: PLC0415 - as above
        find_meanings,
    )

    labels = find_label_files()
    return find_meanings(word, labels.resolve(language)[0], labels).to_json()


async def _list_all(
    overviews: Overviews, *, only_in_progress: bool
) -> AsyncIterator[list[TaskState]]:
    read = partial(overviews.list_page, limit=_PAGE_TASKS, only_in_progress=only_in_progress)
    page, after_seq = read(0)
    while page:
        yield page
        page, after_seq = read(after_seq)


async def _list_newest(
    overviews: Overviews, count: int, status: str | None
) -> AsyncIterator[list[TaskState]]:
    before_seq = None
    while count and before_seq != 0:
        limit = min(count, _PAGE_TASKS)
        page, before_seq = overviews.list_newest(before_seq, limit, status)
        yield page
        count -= len(page)
        await asyncio.sleep(0)


def _parse_count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise web.HTTPBadRequest(text="'newest' is not a number of tasks")
    return min(int(text[:9]), _MOST_NEWEST)


def _parse_status(status: str | None) -> str | None:
    if status not in STATUS_FILTERS:
        known = ", ".join(filter(None, STATUS_FILTERS))
        raise web.HTTPBadRequest(text=f"'status' is none of {known}")
    return status
