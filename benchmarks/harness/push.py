"""Pushes pictures into a server over many connections, with as little CPU as Python needs."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.processes import MeasurementFailed, MemoryWatch, Program, percentile

_START_S = 120.0
_WARM_UP = 20
_MARK = b"picture-picture-picture"


@dataclass(frozen=True)
class Door:
    """Where and how a server takes a picture.

    Attributes:
        as_form: whether the picture is a file in a form, else it is the whole body.
    """

    port: int
    path: str
    as_form: bool

    def request(self, picture: bytes) -> bytes:
        """The whole HTTP request with this picture."""
        kind, body = "image/jpeg", picture
        if self.as_form:
            kind = f"multipart/form-data; boundary={_MARK.decode()}"
            head = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
            body = b"--" + _MARK + b"\r\n" + head + picture + b"\r\n--" + _MARK + b"--\r\n"
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


def push(
    door: Door, pictures: Sequence[bytes], server: Program, connections: int
) -> dict[str, float | int]:
    """Starts the server, warms it up, sends every picture once.

    Args:
        door: where the server takes them.
        pictures: one request each.
        server: not started.
        connections: requests under way at once.
    """
    requests = [door.request(picture) for picture in pictures]
    with server, MemoryWatch(server) as memory:
        _wait_until_up(door, requests[0], server)
        asyncio.run(_send_all(door, requests[:_WARM_UP], connections))
        server_before_s, client_before_s = server.cpu_s(), time.process_time()
        begin_s = time.perf_counter()
        latencies_s = asyncio.run(_send_all(door, requests, connections))
        seconds = time.perf_counter() - begin_s
        client_s = time.process_time() - client_before_s
        server_s = server.cpu_s() - server_before_s
    return {
        "pictures": len(requests),
        "seconds": seconds,
        "per_second": len(requests) / seconds,
        "cpu_ms": 1000 * server_s / len(requests),
        "harness_cpu_ms": 1000 * client_s / len(requests),
        "pss_mb": memory.peak.pss_mb,
        "rss_mb": memory.peak.rss_mb,
        "p50_ms": 1000 * percentile(latencies_s, 50),
        "p95_ms": 1000 * percentile(latencies_s, 95),
    }


def _wait_until_up(door: Door, request: bytes, server: Program) -> None:
    deadline_s = time.monotonic() + _START_S
    while True:
        server.check()
        try:
            asyncio.run(_send_all(door, [request], 1))
        except (OSError, EOFError, MeasurementFailed):
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.2)
        else:
            return


async def _send_all(door: Door, requests: Sequence[bytes], connections: int) -> list[float]:
    """Seconds that each request took."""
    latencies_s: list[float] = []
    waiting = iter(requests)
    streams = [
        await asyncio.open_connection("127.0.0.1", door.port)
        for _ in range(min(connections, len(requests)))
    ]
    await asyncio.gather(*(_send(*stream, waiting, latencies_s) for stream in streams))
    return latencies_s


async def _send(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    requests: Iterator[bytes],
    latencies_s: list[float],
) -> None:
    for request in requests:
        begin_s = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if b" 200 " not in head.partition(b"\r\n")[0] or b"predictions" not in body:
            raise MeasurementFailed(f"{head!r} {body[:200]!r}")
        latencies_s.append(time.perf_counter() - begin_s)
    writer.close()
    await writer.wait_closed()
