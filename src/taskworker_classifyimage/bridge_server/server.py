"""The embedded TaskBridge: binds a port, opens a data folder, answers calls until it is stopped."""

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from taskworker_classifyimage.bridge_server import expiry
from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.changes import Change
from taskworker_classifyimage.bridge_server.connections import (
    CHECK_INTERVAL_S,
    Connections,
    make_error_handler,
)
from taskworker_classifyimage.bridge_server.database import BridgeDataUnusable
from taskworker_classifyimage.bridge_server.disk import find_free_bytes
from taskworker_classifyimage.bridge_server.events import EventStreams
from taskworker_classifyimage.bridge_server.expiry import LeaseTimes
from taskworker_classifyimage.bridge_server.figures import BridgeState, Figures, TaskCounts
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.listening import LOCALHOST, bind
from taskworker_classifyimage.bridge_server.middleware import RunningCalls, add_middleware
from taskworker_classifyimage.bridge_server.overview_routes import OverviewRoutes
from taskworker_classifyimage.bridge_server.pages import make_page_routes
from taskworker_classifyimage.bridge_server.routes import TaskRoutes
from taskworker_classifyimage.bridge_server.store import TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads
from taskworker_classifyimage.bridge_server.waiting import Waiting
from taskworker_classifyimage.bridge_server.workers import WorkerRoster

_log = logging.getLogger(__name__)

#: How long a stop waits for running calls, and then for their responses to be sent.
_LAST_CALLS_S: Final = 3.0
_LAST_RESPONSES_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of a server, in seconds.

    Attributes:
        wall: since the epoch; for the times that tasks show.
        monotonic: for leases, for how long workers have been silent, and for the age of tasks.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class BridgeServer:
    """An embedded TaskBridge on one port and one data folder; the constructor starts nothing.

    Attributes:
        store: the tasks.
        waiting: the calls that wait now.
        streams: the pages that are told what happens.
    """

    def __init__(
        self,
        host: str,
        port: int,
        data_dir: Path,
        *,
        limits: Limits | None = None,
        access: Access | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._folder = data_dir
        self._limits = limits or Limits()
        self._access = access or Access()
        clocks = clocks or Clocks()
        self.store = TaskStore(
            data_dir / "tasks.sqlite3", clock=clocks.wall, monotonic=clocks.monotonic
        )
        self._uploads = Uploads(data_dir / "files")
        self._leases = LeaseTimes(self._limits.lease_s, clock=clocks.monotonic)
        self._roster = WorkerRoster(clock=clocks.monotonic)
        self._running = RunningCalls()
        self._connections = Connections(self._limits.connections, clock=clocks.monotonic)
        self.waiting = Waiting(self._connections)
        self.streams = EventStreams(self.store, self._roster)
        self._figures = Figures(self._look)
        self._task_counts = TaskCounts(self.store.overviews.count_states)
        self._clock = clocks.wall
        self.store.listeners += [self.waiting.note, self.streams.note, self._note_completion]
        self.store.listeners.append(self._figures.note)
        self._runner: web.AppRunner | None = None
        self._listeners: list[asyncio.Server] = []
        self._chores: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """The URL for programs on this machine, without a slash at the end."""
        port = self._listeners[0].sockets[0].getsockname()[1] if self._listeners else self._port
        any_v4 = ("", "0.0.0.0", LOCALHOST)  # noqa: S104
        host = {**dict.fromkeys(any_v4, "127.0.0.1"), "::": "::1"}.get(self._host, self._host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Opens the data folder and begins to answer calls.

        Raises:
            PortInUse: another program listens on the port.
            PortHeld: a connection still holds it after a minute.
            BridgeDataUnusable: the data folder cannot be used.
        """
        runner = web.AppRunner(self._make_app(), shutdown_timeout=_LAST_RESPONSES_S)
        try:
            self.store.open()
            self._open_uploads()
            for task_id, attempt in self.store.list_leased():
                self._leases.begin(task_id, attempt)
            await runner.setup()
            await self._listen(runner)
        except BaseException as err:
            self._close_listeners()
            await runner.cleanup()
            self.store.close()
            if isinstance(err, sqlite3.Error):
                raise BridgeDataUnusable(str(err)) from err
            raise
        self._runner = runner
        self._start_chores()
        _log.info("bridge.started url=%s folder=%s", self.url, self._folder)

    async def stop(self) -> None:
        """Finishes the running calls, then closes; a second stop does no harm."""
        if self._runner is not None:
            self._close_listeners()
            self.waiting.close()
            self.streams.close()
            await self._running.finish(_LAST_CALLS_S)
            await self._runner.cleanup()
            self._runner = None
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        if self._chores:
            with suppress(sqlite3.Error):
                self.store.retention.count()
            _log.info("bridge.stopped folder=%s", self._folder)
        self._chores = []
        self.store.close()

    async def _listen(self, runner: web.AppRunner) -> None:
        if runner.server is None:
            raise RuntimeError("the runner is not set up")
        make = partial(self._connections.make, runner.server)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(make_error_handler())
        for each in await bind(self._host, self._port):
            self._listeners.append(await loop.create_server(make, sock=each, backlog=128))

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners = []

    def _start_chores(self) -> None:
        store, keep_s = self.store, self._limits.keep_s
        reopen = partial(expiry.reopen_expired, store, self._leases)
        count = partial(expiry.count_time, store.retention)
        chores = [
            expiry.repeat(count, expiry.COUNT_INTERVAL_S),
            expiry.repeat(reopen, expiry.REOPEN_INTERVAL_S),
            expiry.repeat(self._connections.cut_slow, CHECK_INTERVAL_S),
            self.streams.run(),
        ]
        if keep_s is not None:
            remove = partial(expiry.remove_finished, store, self._uploads, keep_s)
            chores.append(expiry.repeat(remove, expiry.REMOVE_INTERVAL_S))
        self._chores = [asyncio.create_task(chore) for chore in chores]

    def _make_app(self) -> web.Application:
        app = web.Application()
        add_middleware(app, self._access, self._running, self._limits, self._figures)
        tasks = TaskRoutes(
            self.store, self._uploads, self._leases, self._roster, self.waiting, self._limits
        )
        overviews = OverviewRoutes(
            self.store.overviews, self._roster, self.streams, self._connections
        )
        app.add_routes(tasks.table())
        app.add_routes(overviews.table())
        app.add_routes(self._figures.table())
        app.add_routes(make_page_routes(self._access.proxies))
        return app

    def _look(self) -> BridgeState:
        overviews, connections = self.store.overviews, self._connections
        return BridgeState(
            counts=self._task_counts.read(),
            oldest_open_ms=overviews.find_oldest_open(),
            now_ms=int(1000 * self._clock()),
            workers=Counter(each.status for each in self._roster.list_recent()),
            connections={"working": connections.working, "waiting": connections.waiting},
            waits={
                "take": self.waiting.takes,
                "status": self.waiting.statuses,
                "events": self.streams.count,
            },
            free_bytes=find_free_bytes(self._folder),
        )

    def _note_completion(self, change: Change) -> None:
        if change.became == "completed" and change.worker is not None:
            self._roster.note_completion(change.worker, change.type)

    def _open_uploads(self) -> None:
        def has_file(task_id: str) -> bool:
            state = self.store.find_state(task_id)
            return state is not None and state.file is not None

        try:
            self._uploads.open(has_file)
        except OSError as err:
            raise BridgeDataUnusable(f"cannot use the folder of files: {err}") from err
