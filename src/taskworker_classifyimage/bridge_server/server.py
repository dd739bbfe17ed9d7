"""The embedded TaskBridge: binds a port, opens a data folder, answers until it is stopped."""

import asyncio
import errno
from pathlib import Path
from typing import Final

from aiohttp import web

from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.answers import add_answers
from taskworker_classifyimage.bridge_server.database import BridgeDataError
from taskworker_classifyimage.bridge_server.guard import Guard
from taskworker_classifyimage.bridge_server.housekeeping import remove_finished, reopen_run_out
from taskworker_classifyimage.bridge_server.leases import Leases
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.pages import page_routes
from taskworker_classifyimage.bridge_server.routes import TaskRoutes
from taskworker_classifyimage.bridge_server.store import TaskStore
from taskworker_classifyimage.bridge_server.traffic import Traffic
from taskworker_classifyimage.bridge_server.uploads import Uploads
from taskworker_classifyimage.errors import ConfigError

#: How long a stop waits for calls that arrive and are answered, and then for answers to leave.
_LAST_CALLS_S: Final = 3.0
_LAST_ANSWERS_S: Final = 1.0
#: How long a connection may be idle; longer than the 60 s that reverse proxies keep theirs.
_IDLE_S: Final = 75.0


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
        self,
        host: str,
        port: int,
        data_dir: Path,
        *,
        limits: Limits | None = None,
        access: Access | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._limits = limits or Limits()
        self._access = access or Access()
        self._store = TaskStore(data_dir / "tasks.sqlite3")
        self._uploads = Uploads(data_dir / "files")
        self._leases = Leases(self._limits.lease_s)
        self._traffic = Traffic()
        self._runner: web.AppRunner | None = None
        self._housekeeping: list[asyncio.Task[None]] = []

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
            self._app(),
            access_log=None,
            keepalive_timeout=_IDLE_S,
            shutdown_timeout=_LAST_ANSWERS_S,
        )
        try:
            self._open_uploads()
            for task_id, attempt in self._store.leased():
                self._leases.begin(task_id, attempt)
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException as error:
            await runner.cleanup()
            self._store.close()
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise PortInUse(self._host, self._port) from error
            raise
        self._runner = runner
        self._keep_house()

    async def stop(self) -> None:
        """Finish the calls that are being answered, then close; a second stop does no harm."""
        if self._runner is not None:
            for site in self._runner.sites:
                await site.stop()
            await self._traffic.end(_LAST_CALLS_S)
            await self._runner.cleanup()
            self._runner = None
        for each in self._housekeeping:
            each.cancel()
        await asyncio.gather(*self._housekeeping, return_exceptions=True)
        self._housekeeping = []
        self._store.close()

    def _keep_house(self) -> None:
        chores = [reopen_run_out(self._store, self._leases)]
        if self._limits.keep_s is not None:
            chores.append(remove_finished(self._store, self._uploads, self._limits.keep_s))
        self._housekeeping = [asyncio.create_task(chore) for chore in chores]

    def _app(self) -> web.Application:
        app = web.Application()
        add_answers(app, Guard(self._access), self._traffic)
        app.add_routes(TaskRoutes(self._store, self._uploads, self._leases, self._limits).table())
        app.add_routes(page_routes())
        return app

    def _open_uploads(self) -> None:
        def has_file(task_id: str) -> bool:
            state = self._store.state(task_id)
            return state is not None and state.has_file

        try:
            self._uploads.open(has_file)
        except OSError as error:
            raise BridgeDataError(f"cannot use the folder of files: {error}") from error
