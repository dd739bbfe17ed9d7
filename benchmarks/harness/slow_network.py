"""A network that is far away: a TCP proxy that delivers every byte later, and none slower.

What arrives is queued with the time at which it is due, so any amount may be under way. A new
connection costs a round trip before its first byte, as a handshake does.
"""

import asyncio
import contextlib
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_CHUNK_BYTES = 65_536
_METHODS = (b"GET ", b"POST ", b"DELETE ")


class SlowNetwork:
    """Listens on a port of 127.0.0.1, in a thread of its own.

    Attributes:
        url: what to call instead of the target.
        requests: how many HTTP requests came by, as long as each starts a packet.
    """

    def __init__(self, target_url: str, round_trip_s: float) -> None:
        parts = urlsplit(target_url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._one_way_s = round_trip_s / 2
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._under_way: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self.url = ""
        self.requests = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)

    async def _close(self) -> None:
        self._server.close()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_at_s = time.monotonic() + 2 * self._one_way_s
        target_reader, target_writer = await asyncio.open_connection(*self._target)
        self._begin(reader, target_writer, open_at_s, counts=True)
        self._begin(target_reader, writer, open_at_s, counts=False)

    def _begin(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        open_at_s: float,
        *,
        counts: bool,
    ) -> None:
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        for work in (self._collect(source, due, open_at_s, counts), self._deliver(due, sink)):
            task = self._loop.create_task(work)
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _collect(
        self,
        source: asyncio.StreamReader,
        due: asyncio.Queue[tuple[float, bytes]],
        open_at_s: float,
        counts: bool,
    ) -> None:
        content = b" "
        while content:
            try:
                content = await source.read(_CHUNK_BYTES)
            except ConnectionError:
                content = b""
            if counts and content.startswith(_METHODS):
                self.requests += 1
            due.put_nowait((max(time.monotonic(), open_at_s) + self._one_way_s, content))

    async def _deliver(
        self, due: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        """Writes without waiting for room, or the delay would limit the bandwidth."""
        with contextlib.suppress(ConnectionError):
            while True:
                due_at_s, content = await due.get()
                if (early_s := due_at_s - time.monotonic()) > 0:
                    await asyncio.sleep(early_s)
                if not content:
                    break
                sink.write(content)
        sink.close()
