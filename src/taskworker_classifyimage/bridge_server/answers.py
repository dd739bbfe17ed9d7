"""What all answers have in common: errors are JSON, and browsers guess, frame and keep nothing."""

import errno
import logging
import sqlite3
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from taskworker_classifyimage.bridge_server.guard import Guard
from taskworker_classifyimage.bridge_server.traffic import Traffic

_log = logging.getLogger(__name__)

#: A file of a task is somebody's upload: nothing in it may run, be shown in place, or be cached.
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


def add_answers(app: web.Application, guard: Guard, traffic: Traffic) -> None:
    """Let all answers of an application pass through here."""

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        guard.add_headers(request, response)
        if traffic.is_ending:
            response.force_close()

    app.middlewares.append(_answering(guard, traffic))
    app.on_response_prepare.append(add_headers)


def _answering(guard: Guard, traffic: Traffic) -> Middleware:
    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may, and answer every error as JSON with nothing of this program's inside."""
        try:
            with traffic.call():
                guard.check(request)
                if request.method == "OPTIONS":
                    return guard.preflight(request)
                return await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.text or error.reason, error.headers)
        except Exception as error:  # noqa: BLE001 - the client learns nothing of its inside
            return _explained(request, error)

    return answer


def _error(
    status: int, reason: str, headers: Mapping[str, str] = MappingProxyType({})
) -> web.Response:
    response = web.json_response({"error": reason}, status=status)
    for name in ("Allow", "WWW-Authenticate"):
        if name in headers:
            response.headers[name] = headers[name]
    return response


def _explained(request: web.Request, error: Exception) -> web.Response:
    match error:
        case RecursionError():
            return _error(400, "the JSON is nested too deep")
        case TimeoutError():
            return _error(408, "the call took too long to arrive")
        case ConnectionError():
            # The client is gone; aiohttp drops this answer.
            return _error(400, "the connection was lost")
        case _ if _is_disk_full(error):
            _log.error("bridge.disk_full call=%r", request.path)
            return _error(507, "the bridge's disk is full")
    _log.error("bridge.failed call=%r", request.path, exc_info=error)
    return _error(500, "internal error")


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _DISK_FULL
