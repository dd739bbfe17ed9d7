import asyncio
import base64
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from support.canned_server import CannedServer, http
from support.working import download
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.several import Taken
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TooLarge

T = TypeVar("T")


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with CannedServer() as canned:
        yield canned


def ask(server: CannedServer, call: Callable[[BridgeClient], Awaitable[T]], user: str = "") -> T:
    async def run() -> T:
        address = BridgeAddress.parse(f"http://{user}127.0.0.1:{server.port}/")
        async with BridgeClient(address) as client:
            return await call(client)

    return asyncio.run(run())


def take(client: BridgeClient) -> Awaitable[list[Taken]]:
    return client.take("classifyimage", "w", {})


def test_nothing_to_do_is_no_task(server: CannedServer) -> None:
    """A 404 to take is the bridge's way to say that no task is open."""
    server.answer = http(404)
    assert ask(server, take) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        http(500, b"<html>a stack trace</html>"),
        http(502),
        http(429, b"", "Retry-After: 7"),
        http(401),
        http(400),
        http(405),
        http(301, b"", "Location: https://elsewhere.example/"),
        http(200, b"<html>a proxy's page</html>"),
        http(200, b"[" * 100_000),
        http(200, b'{"data": {}}'),
        http(200, b'{"id": 5}'),
        http(200, b"")[:20],
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        http(200, b"\x1f\x8b not gzip at all", "Content-Encoding: gzip"),
    ],
)
def test_a_broken_answer_is_an_outage(server: CannedServer, answer: bytes) -> None:
    """Whatever a dying server, a proxy or something else on the port says: try again later."""
    server.answer = answer
    with pytest.raises(BridgeUnavailable) as caught:
        ask(server, take)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_bridge_says_when_to_come_back(server: CannedServer) -> None:
    """Retry-After is honoured, within reason."""
    server.answer = http(429, b"", "Retry-After: 7")
    with pytest.raises(BridgeUnavailable) as caught:
        ask(server, take)
    assert caught.value.retry_after_s == 7


def test_nobody_there_is_an_outage() -> None:
    """A refused connection is told in words."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    async def run() -> None:
        async with BridgeClient(BridgeAddress(f"http://127.0.0.1:{port}")) as client:
            await take(client)

    with pytest.raises(BridgeUnavailable, match="refused"):
        asyncio.run(run())


def test_a_refused_call_names_its_status(server: CannedServer) -> None:
    """A removed task's report is told from a server that is away."""
    server.answer = http(404)
    with pytest.raises(BridgeRejected) as caught:
        ask(server, lambda client: client.complete("a", {}))
    assert caught.value.status == 404


@pytest.mark.parametrize("framing", ["Content-Length: 5000\r\n", "Connection: close\r\n"])
def test_a_file_over_the_limit_is_not_read_to_its_end(server: CannedServer, framing: str) -> None:
    """Neither what the server announces nor what it sends unannounced may fill the memory."""
    server.answer = f"HTTP/1.1 200 OK\r\n{framing}\r\n".encode() + b"x" * 5000
    with pytest.raises(TooLarge):
        ask(server, lambda client: download(client, "a", 4999))
    assert len(ask(server, lambda client: download(client, "a", 5000))) == 5000


def test_an_id_never_leaves_its_place_in_the_path(server: CannedServer) -> None:
    """A client of 2.2.1 may choose its task's id."""
    server.answer = http(200)
    ask(server, lambda client: download(client, "../../x?y#z\r\nEvil: 1", 10))
    line = server.requests[0].splitlines()[0]
    assert line == "GET /api/tasks/file/%2E%2E%2F%2E%2E%2Fx%3Fy%23z%0D%0AEvil%3A%201/ HTTP/1.1"


def test_credentials_are_sent_and_never_told(server: CannedServer) -> None:
    """A reverse proxy in front of the bridge asks for them; messages leave them out."""
    server.answer = http(401)
    with pytest.raises(BridgeUnavailable) as caught:
        ask(server, take, user="user:p%40ss@")
    expected = base64.b64encode(b"user:p@ss").decode()
    assert f"Authorization: Basic {expected}" in server.requests[0]
    assert "p@ss" not in str(caught.value)
