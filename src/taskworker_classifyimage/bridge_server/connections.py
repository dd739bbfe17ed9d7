"""The connections of the bridge: which gives way to a new one, and which is too slow to stay.

There are at most `count_allowed` of them. A new one beyond that closes another: the one that has
been silent longest, of the address that has most. Who works is never silent for long; a body that
was sent by half, or a connection that asks nothing, is. Connections whose call waits for a task or
an event are silent by intention: they have places of their own, and without a place do not wait.
"""

import asyncio
import errno
import logging
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from taskworker_classifyimage.bridge_server.rarely import RareLog

_log = logging.getLogger(__name__)

#: More would take too much memory while each sends a body.
_MOST: Final = 1000
#: Those that wait send nothing.
_MOST_WAITING: Final = 4000
#: Descriptors for everything else: the database, decoders, calls of the worker of this process.
_OTHER_DESCRIPTORS: Final = 128
#: How long a connection may be idle; reverse proxies keep theirs open for 60 s.
_IDLE_S: Final = 75.0
#: A connection is closed whose body arrives more slowly than this, or whose answer nobody reads, in
#: some checks in a row.
LEAST_BYTES_A_SECOND: Final = 500
CHECK_INTERVAL_S: Final = 10.0
_CHECKS: Final = 3
#: Linger for no time: the system forgets the connection at once.
_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
#: How much is read of a body that was refused, and for how long: its client can read the answer.
_REFUSED_BYTES: Final = 64 * 2**20
_REFUSED_S: Final = 10.0
#: How long the body of a client without credentials may still arrive; it is not read.
_UNKNOWN_S: Final = 1.0
#: Large answers that are in memory until their clients have read them; and how old one must be to
#: give way to another.
_LARGE_BYTES: Final = 100 * 2**10
_ANSWERS_BYTES: Final = 128 * 2**20
_OLD_ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many connections there may be.

    Attributes:
        working: that ask, send or receive.
        waiting: whose call waits.
    """

    working: int
    waiting: int


def count_allowed() -> Allowed:
    """How many connections this process can have; one that works may need a file as well."""
    if sys.platform == "win32":
        return Allowed(_MOST, _MOST_WAITING)
    import resource  # noqa: PLC0415 - there is none on Windows

    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return Allowed(_MOST, _MOST_WAITING)
    free = descriptors - _OTHER_DESCRIPTORS
    working = max(8, min(_MOST, free // 3))
    return Allowed(working, max(0, min(_MOST_WAITING, free - 2 * working)))


class Connection(web.RequestHandler):
    """One connection; it tells when it hears from its client.

    Attributes:
        address: of the client.
        heard_bytes: everything that has arrived.
        call: the latest call, None before the first.
        checks_failed: how many checks in a row found it too slow.
        checked_bytes: `heard_bytes` at the latest check.
        when_lost: called when the connection ends while its call waits.
        unsent_bytes: what waited to be sent at the latest check.
    """

    __slots__ = (
        "_connections",
        "address",
        "call",
        "checked_bytes",
        "checks_failed",
        "heard_bytes",
        "unsent_bytes",
        "when_lost",
    )

    def __init__(self, connections: "Connections", server: web.Server, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._connections = connections
        self.address = ""
        self.call: web.Request | None = None
        self.when_lost: Callable[[], None] | None = None
        self.heard_bytes = self.checked_bytes = self.checks_failed = self.unsent_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes its place among the connections."""
        super().connection_made(transport)
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        _end_when_nobody_reads(transport.get_extra_info("socket"))
        self._connections.admit(self)

    @property
    def is_lost(self) -> bool:
        """Whether the client has gone."""
        return self.transport is None or self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Notes that the client is not silent."""
        self.heard_bytes += len(data)
        self._connections.note(self)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Gives its place back."""
        self._connections.drop(self)
        super().connection_lost(exc)
        if self.when_lost is not None:
            self.when_lost()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Logs an error of the HTTP library once a minute: clients can cause some at will."""
        self._connections.note_fault(kw.get("exc_info") or args)

    def cut(self) -> None:
        """Closes the connection without another byte."""
        if self.transport is not None:
            connection = self.transport.get_extra_info("socket")
            if connection is not None:
                # Without this the system would keep what nobody reads, and go on trying.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()

    def may_send(self, size_bytes: int) -> bool:
        """Whether an answer of a size is not refused now."""
        return size_bytes <= _LARGE_BYTES or self._connections.has_room(size_bytes)

    async def send(self, request: web.Request, response: web.StreamResponse, most_s: float) -> None:
        """Sends an answer; a client that has not read it in `most_s` is cut off.

        Raises:
            HTTPServiceUnavailable: there are too many large answers in memory.
            OSError: the answer's file cannot be opened, or the client has gone.
        """
        if not request.content.is_eof():
            # The rest of a body that was refused would be taken for the next call.
            response.force_close()
        body = response.body if isinstance(response, web.Response) else None
        size_bytes = len(body) if isinstance(body, bytes) else 0
        if isinstance(response, web.Response) and size_bytes <= _LARGE_BYTES:
            await response.prepare(request)
            await response.write_eof()
            return
        with self._connections.hold(self, size_bytes):
            try:
                async with asyncio.timeout(most_s):
                    await response.prepare(request)
                    await response.write_eof()
            except OSError:
                # Also TimeoutError and ConnectionError.
                if not response.prepared:
                    raise
                self.cut()

    async def skip_body(self, request: web.Request, *, is_known: bool) -> None:
        """Reads a little of a body that was refused: closing at once would destroy the answer."""
        if request.content.is_eof():
            return
        left_bytes = _REFUSED_BYTES
        errors = (TimeoutError, ConnectionError, ValueError, web.RequestPayloadError)
        with suppress(*errors):
            if not is_known:
                async with asyncio.timeout(_UNKNOWN_S):
                    await request.content.wait_eof()
                return
            async with asyncio.timeout(_REFUSED_S):
                while left_bytes > 0 and (chunk := await request.content.readany()):
                    left_bytes -= len(chunk)


class Connections:
    """All connections of one server, and the memory of the answers that they send."""

    def __init__(
        self, most: int | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowed = None if most is None else Allowed(most, most)
        self._clock = clock
        self._count = 0
        self._waiting: set[Connection] = set()
        #: By address; the one that has been silent longest is the first.
        self._silent: dict[str, dict[Connection, None]] = {}
        #: Those that send an answer, the oldest first: since when, its size, and the task.
        self._answers: dict[Connection, tuple[float, int, asyncio.Task[Any] | None]] = {}
        self._answers_bytes = 0
        self._faults = RareLog(_log, logging.ERROR)

    @property
    def working(self) -> int:
        """How many ask, send or receive, or will."""
        return self._count

    @property
    def waiting(self) -> int:
        """How many have a call that waits."""
        return len(self._waiting)

    @property
    def allowed(self) -> Allowed:
        """How many there may be."""
        if self._allowed is None:
            self._allowed = count_allowed()
        return self._allowed

    @contextmanager
    def wait(self, connection: Connection, when_lost: Callable[[], None]) -> Iterator[bool]:
        """While the call of a connection waits; gives whether there is a place for it.

        Args:
            connection: whose call waits.
            when_lost: called if the connection ends meanwhile.
        """
        if connection.is_lost or len(self._waiting) >= self.allowed.waiting:
            yield False
            return
        self.drop(connection)
        self._waiting.add(connection)
        connection.when_lost = when_lost
        try:
            yield True
        finally:
            connection.when_lost = None
            self._waiting.discard(connection)
            if not connection.is_lost:
                self.admit(connection)

    def note_fault(self, err: object) -> None:
        """Logs an error that is in none of our handlers."""
        self._faults.write(f"bridge.failed_call error={err!r:.300}")

    def make(self, server: web.Server) -> Connection:
        """Makes the handler of a new connection."""
        return Connection(
            self,
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,
            # Packed bodies are refused; what is skipped of them must not be unpacked either.
            auto_decompress=False,
            keepalive_timeout=_IDLE_S,
            # `skip_body` does it, with a limit on the bytes.
            lingering_time=0,
        )

    def admit(self, new: Connection) -> None:
        """Adds a connection, and closes another one if there are too many."""
        if self._count >= self.allowed.working:
            self._close_one()
        self._count += 1
        self._silent.setdefault(new.address, {})[new] = None

    def note(self, connection: Connection) -> None:
        """Notes that a connection has just been heard."""
        same = self._silent.get(connection.address, {})
        if connection in same:
            del same[connection]
            same[connection] = None

    def drop(self, connection: Connection) -> None:
        """Forgets a connection; calling it twice does no harm."""
        self._end_answer(connection)
        self._waiting.discard(connection)
        if self._leave(connection):
            self._count -= 1

    def has_room(self, size_bytes: int) -> bool:
        """Whether no answer has to give way to one of this size."""
        return self._answers_bytes + size_bytes <= _ANSWERS_BYTES

    @contextmanager
    def hold(self, connection: Connection, size_bytes: int) -> Iterator[None]:
        """Counts the memory of an answer; old answers that nobody reads give way to it.

        Raises:
            HTTPServiceUnavailable: the others are not old.
        """
        while size_bytes and self._answers_bytes + size_bytes > _ANSWERS_BYTES:
            self._cut_oldest_answer()
        self._answers[connection] = (self._clock(), size_bytes, asyncio.current_task())
        self._answers_bytes += size_bytes
        try:
            yield
        finally:
            self._end_answer(connection)

    async def cut_slow(self) -> None:
        """Closes connections that are too slow; to be called every `CHECK_INTERVAL_S`."""
        working = (each for same in self._silent.values() for each in same)
        for connection in (*working, *self._waiting):
            if not _is_slow(connection):
                connection.checks_failed = 0
                continue
            connection.checks_failed += 1
            if connection.checks_failed < _CHECKS:
                continue
            call = connection.call
            if call is not None and not call.content.is_eof():
                # The handler that waits for the body answers 408.
                call.content.set_exception(TimeoutError())
            else:
                self._cut(connection)

    def _close_one(self) -> None:
        largest = max(self._silent.values(), key=len)
        victims = (each for each in largest if each not in self._answers)
        victim = next(victims, None) or next(iter(largest))
        self._cut(victim)
        self.drop(victim)

    def _cut_oldest_answer(self) -> None:
        for connection, (begun_s, size_bytes, _) in self._answers.items():
            if size_bytes:
                if self._clock() - begun_s < _OLD_ANSWER_S:
                    break
                self._cut(connection)
                return
        raise web.HTTPServiceUnavailable(text="too many large answers at once; try again")

    def _cut(self, connection: Connection) -> None:
        _, _, task = self._answers.get(connection, (0, 0, None))
        self._end_answer(connection)
        connection.cut()
        if task is not None:
            # A file that the system sends does not notice that its connection is closed.
            task.cancel()

    def _end_answer(self, connection: Connection) -> None:
        _, size_bytes, _ = self._answers.pop(connection, (0, 0, None))
        self._answers_bytes -= size_bytes

    def _leave(self, connection: Connection) -> bool:
        same = self._silent.get(connection.address, {})
        if connection not in same:
            return False
        del same[connection]
        if not same:
            del self._silent[connection.address]
        return True


def make_error_handler() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Makes the event loop's handler of errors: it logs a shortage of descriptors once a minute."""
    shortage = RareLog(_log, logging.ERROR)

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        err = context.get("exception")
        if isinstance(err, OSError) and err.errno in (errno.EMFILE, errno.ENFILE):
            shortage.write(
                "bridge.no_descriptors: calls have to wait; raise the limit of open files"
                f" (ulimit -n) error={err.strerror!r}"
            )
        else:
            loop.default_exception_handler(context)

    return handle


def _is_slow(connection: Connection) -> bool:
    """Whether hardly anything has arrived or left since the latest check, although it should."""
    arrived_bytes = connection.heard_bytes - connection.checked_bytes
    connection.checked_bytes = connection.heard_bytes
    transport, call = connection.transport, connection.call
    unsent_bytes = 0 if transport is None else transport.get_write_buffer_size()
    is_stuck = 0 < unsent_bytes == connection.unsent_bytes
    connection.unsent_bytes = unsent_bytes
    is_arriving = call is not None and not call.content.is_eof()
    return is_stuck or (is_arriving and arrived_bytes < LEAST_BYTES_A_SECOND * CHECK_INTERVAL_S)


def _end_when_nobody_reads(connection: socket.socket | None) -> None:
    """Lets the system close it when its client stops reading, as files are sent by the system."""
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        wait_ms = int(_CHECKS * CHECK_INTERVAL_S * 1000)
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, wait_ms)
