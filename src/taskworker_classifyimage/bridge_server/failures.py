"""The answers to calls that failed: JSON that shows no internals, and lines in the log."""

import errno
import logging
import sqlite3
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from taskworker_classifyimage.bridge_server.database import DatabaseDamaged
from taskworker_classifyimage.bridge_server.rarely import RareLog

_log = logging.getLogger(__name__)

_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_NO_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE)


class Failures:
    """Makes the answers; lines that clients can cause at will are logged once a minute."""

    def __init__(self) -> None:
        self._damage = RareLog(_log, logging.ERROR)
        self._disk = RareLog(_log, logging.ERROR)
        self._descriptors = RareLog(_log, logging.ERROR)

    def answer(self, err: Exception, path: str) -> web.Response:
        """Makes the answer to the call of a path that has failed."""
        match err:
            case web.HTTPException():
                return _make_error(err.status, err.text or err.reason, err.headers)
            case RecursionError():
                return _make_error(400, "the JSON is nested too deep")
            case TimeoutError():
                return _make_error(408, "the call took too long to arrive")
            case ConnectionError():
                # The client has disconnected; aiohttp drops this response.
                return _make_error(400, "the connection was lost")
        return self._answer_own(err, path)

    def _answer_own(self, err: Exception, path: str) -> web.Response:
        """Makes the answer to an error that is not the client's."""
        if isinstance(err, DatabaseDamaged):
            self._damage.write(f"bridge.damaged {err}")
            return _make_error(503, "the bridge's database is damaged; its log says what to do")
        if _is_disk_full(err):
            self._disk.write(f"bridge.disk_full call={path!r}")
            return _make_error(507, "the bridge's disk is full: make room on it, or remove tasks")
        if isinstance(err, OSError) and err.errno in _NO_DESCRIPTORS:
            self._descriptors.write(f"bridge.no_descriptors call={path!r}")
            return _make_error(503, "the bridge has too many files open; try again")
        _log.error("bridge.failed call=%r", path, exc_info=err)
        return _make_error(500, "internal error")


def _make_error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    kept = {
        name: text
        for name, text in (headers or {}).items()
        if name in ("Access-Control-Allow-Origin", "Allow", "WWW-Authenticate")
    }
    return web.json_response({"error": reason}, status=status, headers=kept)


def _is_disk_full(err: Exception) -> bool:
    if isinstance(err, sqlite3.Error):
        return getattr(err, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(err, OSError) and err.errno in _DISK_FULL
