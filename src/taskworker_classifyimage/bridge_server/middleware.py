"""What every call passes: access control, the count of running calls, JSON errors, headers."""

import asyncio
import errno
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage.bridge_server.database import DatabaseDamaged
from taskworker_classifyimage.bridge_server.guard import Guard
from taskworker_classifyimage.bridge_server.rarely import RareLog

_log = logging.getLogger(__name__)

#: A task's file is somebody's upload: a browser may not run, display, frame or cache it.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)


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


class _Logs:
    """The lines that clients can cause."""

    def __init__(self) -> None:
        self.damage = RareLog(_log, logging.ERROR)
        self.disk = RareLog(_log, logging.ERROR)


_LOGS: Final = web.AppKey("logs", _Logs)


def add_middleware(app: web.Application, guard: Guard, running: RunningCalls) -> None:
    """Makes every call of an application pass through this module."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Checks the caller and turns every error into JSON that shows no internals."""
        try:
            with running.count():
                guard.check(request)
                if request.method == "OPTIONS":
                    return guard.answer_preflight(request)
                return await handler(request)
        except web.HTTPException as err:
            return _make_error(err.status, err.text or err.reason, err.headers)
        except Exception as err:  # noqa: BLE001 - clients are not shown internals
            return _translate_error(request, err)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        guard.add_headers(request, response)
        if running.is_stopping:
            response.force_close()

    app[_LOGS] = _Logs()
    app.middlewares.append(answer)
    app.on_response_prepare.append(add_headers)


def _make_error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    kept = {
        name: text
        for name, text in (headers or {}).items()
        if name in ("Allow", "WWW-Authenticate")
    }
    return web.json_response({"error": reason}, status=status, headers=kept)


def _translate_error(request: web.Request, err: Exception) -> web.Response:
    match err:
        case RecursionError():
            return _make_error(400, "the JSON is nested too deep")
        case TimeoutError():
            return _make_error(408, "the call took too long to arrive")
        case ConnectionError():
            # The client has disconnected; aiohttp drops this response.
            return _make_error(400, "the connection was lost")
        case DatabaseDamaged():
            request.app[_LOGS].damage.write(f"bridge.damaged {err}")
            return _make_error(503, "the bridge's database is damaged; its log says what to do")
        case _ if _is_disk_full(err):
            request.app[_LOGS].disk.write(f"bridge.disk_full call={request.path!r}")
            return _make_error(507, "the bridge's disk is full: make room on it, or remove tasks")
    _log.error("bridge.failed call=%r", request.path, exc_info=err)
    return _make_error(500, "internal error")


def _is_disk_full(err: Exception) -> bool:
    if isinstance(err, sqlite3.Error):
        return getattr(err, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(err, OSError) and err.errno in _DISK_FULL
