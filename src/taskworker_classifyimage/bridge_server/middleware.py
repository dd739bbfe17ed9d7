"""What every call passes: access control, the count of running calls, errors, headers."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.bodies import check_encoding
from taskworker_classifyimage.bridge_server.call_log import CallLog
from taskworker_classifyimage.bridge_server.connections import Connection
from taskworker_classifyimage.bridge_server.failures import Failures
from taskworker_classifyimage.bridge_server.figures import Figures
from taskworker_classifyimage.bridge_server.forwarded import find_caller
from taskworker_classifyimage.bridge_server.guard import Guard, find_token
from taskworker_classifyimage.bridge_server.guesses import Guesses
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.pages import (
    lead_to_view,
    make_missing_page,
    wants_page,
)

#: A task's file is somebody's upload: a browser may not run, display, frame or cache it.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    # What this bridge can do beyond the protocol, for workers that know it.
    "TaskBridge-Extensions": "lease, wait, batch",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

#: Calls that people's browsers are led from, to a view of the page.
_VIEWS: Final = {"/api/tasks/list": "tasks", "/api/workers/list": "workers"}
#: The answers to callers who may not call at all.
_UNKNOWN: Final = (401, 403, 421)


class RunningCalls:
    """Counts the calls that are being answered, so that a stop can wait for them.

    aiohttp closes connections when it stops and drops the rest of a running upload; so the server
    waits here first.

    Attributes:
        is_stopping: every connection is closed after its current call.
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self._count = 0
        self._none_left = asyncio.Event()
        self._none_left.set()

    @contextmanager
    def count(self) -> Iterator[None]:
        """Counts one call, from its headers to its response."""
        self._count += 1
        self._none_left.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._none_left.set()

    async def finish(self, timeout_s: float) -> None:
        """Waits until no call is running, at most `timeout_s`; later calls get no response."""
        self.is_stopping = True
        # A client that is cut off gets no response and will retry.
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._none_left.wait()


def add_middleware(
    app: web.Application, access: Access, running: RunningCalls, limits: Limits, figures: Figures
) -> None:
    """Makes every call of an application pass through this module."""
    passage = _Passage(access, running, limits, figures)
    app.middlewares.append(passage.answer)
    app.on_response_prepare.append(passage.add_headers)


class _Passage:
    """The way of every call, from its headers until its answer is sent."""

    def __init__(
        self, access: Access, running: RunningCalls, limits: Limits, figures: Figures
    ) -> None:
        self._figures = figures
        self._proxies = access.proxies
        self._running = running
        self._arrival_s = limits.arrival_s
        self._guard = Guard(access)
        self._guesses, self._failures, self._calls = Guesses(), Failures(), CallLog()

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers a call, which is running until its client has read the answer."""
        begun_s = time.perf_counter()
        connection = cast("Connection", request.protocol)
        connection.call = request
        address = find_caller(request, self._proxies).address
        with self._running.count():
            response = await self._respond(request, handler)
            self._calls.note(request, response, address)
            if self._guard.needs_token:
                await self._slow_down(address, request, response, connection)
            try:
                await connection.send(request, response, self._arrival_s)
            except (web.HTTPException, OSError) as err:
                response = self._failures.answer(err, request.path)
        await connection.skip_body(request, is_known=response.status not in _UNKNOWN)
        self._figures.note_call(request, response, time.perf_counter() - begun_s)
        return response

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Adds the headers that every answer has."""
        policy = response.headers.get("Content-Security-Policy")
        response.headers.update(_HEADERS)
        if policy is not None:
            response.headers["Content-Security-Policy"] = policy
        self._guard.add_headers(request, response)
        if self._running.is_stopping or _waits_for_end(request):
            response.force_close()
            # The headers are complete already.
            response.headers["Connection"] = "close"

    async def _slow_down(
        self,
        address: str,
        request: web.Request,
        response: web.StreamResponse,
        connection: Connection,
    ) -> None:
        """Lets a caller with a wrong token wait; a caller without one has not guessed."""
        token = find_token(request)
        # A page is answered whatever the token is.
        if self._guard.is_token(token):
            self._guesses.note_right(address)
        elif token and response.status == web.HTTPUnauthorized.status_code:
            response.force_close()
            if not await self._guesses.wait(address):
                connection.cut()

    async def _respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Checks the caller and turns every error into an answer that shows no internals."""
        try:
            view = _VIEWS.get(request.path.rstrip("/"))
            if view is not None and wants_page(request):
                return lead_to_view(request, self._proxies, view)
            self._guard.check(request)
            check_encoding(request)
            if request.method == "OPTIONS":
                return self._guard.answer_preflight(request)
            return await handler(request)
        except Exception as err:  # noqa: BLE001 - clients are not shown internals
            if isinstance(err, web.HTTPNotFound) and wants_page(request):
                return make_missing_page(request, self._proxies)
            return self._failures.answer(err, request.path)


def _waits_for_end(request: web.Request) -> bool:
    """Whether the client may read until the connection ends, as X-Ways' X-Tensions do.

    Every HTTP library sends one of these headers.
    """
    return "User-Agent" not in request.headers and "Accept" not in request.headers
