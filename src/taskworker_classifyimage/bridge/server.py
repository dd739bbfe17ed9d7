"""The embedded TaskBridge: binds a port, opens a data folder, answers until it is stopped."""

import errno
import logging
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage.bridge.limits import Limits
from taskworker_classifyimage.bridge.pages import page_routes
from taskworker_classifyimage.bridge.routes import TaskRoutes
from taskworker_classifyimage.bridge.store import BridgeDataError, TaskStore
from taskworker_classifyimage.bridge.uploads import Uploads
from taskworker_classifyimage.bridge.workers import WorkerRoster
from taskworker_classifyimage.errors import ConfigError

__all__ = ["BridgeServer", "Limits", "PortInUse", "create_app"]

_log = logging.getLogger(__name__)

#: How long a stop waits for calls that are being answered.
_STOP_S: Final = 5.0

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "86400",
}


class PortInUse(ConfigError):
    """Another program listens on the port.

    Attributes:
        host: the address that was to be bound.
        port: the port that was to be bound.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is in use")
        self.host = host
        self.port = port


class BridgeServer:
    """An embedded TaskBridge on one port and one data folder; the constructor starts nothing."""

    def __init__(
        self, host: str, port: int, data_dir: Path, *, limits: Limits | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._limits = limits or Limits()
        self._store = TaskStore(data_dir / "tasks.sqlite3")
        self._uploads = Uploads(data_dir / "files")
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where programs on this machine reach the server, without a slash at the end."""
        port = self._runner.addresses[0][1] if self._runner else self._port
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104
            self._host, self._host
        )
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Open the data folder and begin to answer.

        Raises:
            PortInUse: Another program has the port.
            BridgeDataError: The data folder cannot be used.
        """
        self._store.open()
        runner = web.AppRunner(
            create_app(self._store, self._uploads, self._limits),
            access_log=None,
            shutdown_timeout=_STOP_S,
        )
        try:
            self._open_uploads()
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException as error:
            await runner.cleanup()
            self._store.close()
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise PortInUse(self._host, self._port) from error
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Finish the calls that are being answered, then close; a second stop does no harm."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._store.close()

    def _open_uploads(self) -> None:
        def has_file(task_id: str) -> bool:
            state = self._store.state(task_id)
            return state is not None and state.has_file

        try:
            self._uploads.open(has_file)
        except OSError as error:
            raise BridgeDataError(f"cannot use the folder of files: {error}") from error


def create_app(store: TaskStore, uploads: Uploads, limits: Limits) -> web.Application:
    """The application that answers all calls and pages, over parts that somebody else opens."""
    app = web.Application(middlewares=[_answer_errors])
    app.on_response_prepare.append(_add_headers)
    app.add_routes(TaskRoutes(store, uploads, WorkerRoster(), limits).table())
    app.add_routes(page_routes())
    return app


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:  # noqa: ARG001
    """Let pages of any other server read every answer, and no browser guess its type."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as JSON, and nothing of this program's inside."""
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=_PREFLIGHT)
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _error(error.status, error.text or error.reason, error.headers.get("Allow"))
    except RecursionError:
        return _error(400, "the JSON is nested too deep")
    except ConnectionError:
        # The client is gone; aiohttp drops this answer.
        return _error(400, "the connection was lost")
    except Exception:  # noqa: BLE001 - logged, and the client learns nothing of it
        _log.exception("bridge.failed call=%r", request.path)
        return _error(500, "internal error")


def _error(status: int, reason: str, allow: str | None = None) -> web.Response:
    response = web.json_response({"error": reason}, status=status)
    if allow is not None:
        response.headers["Allow"] = allow
    return response
