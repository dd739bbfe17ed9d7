"""2.2.1 keeps its tasks in maps without a lock: two changes at the same instant end its process."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from support.tls_server import TestServer
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient

#: How the releases answer a take: 2.2.1 gives the whole task.
ANSWERS: dict[str, dict[str, object]] = {
    "1.3.0": {"id": "a", "data": {}},
    "2.2.1": {"id": "a", "data": {}, "status": "inprogress", "type": "classifyimage"},
}


class Watch:
    """Notes how many changing calls were under way at once."""

    def __init__(self, answer: dict[str, object]) -> None:
        self.answer = answer
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    @contextmanager
    def change(self) -> Iterator[None]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= 1
        yield


def handler(watch: Watch) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with watch.change():
                body = json.dumps(watch.answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nothing: the tests' output is for people."""

    return Handler


@pytest.fixture
def watch(request: pytest.FixtureRequest) -> Iterator[tuple[Watch, str]]:
    watching = Watch(ANSWERS[request.param])
    with TestServer(handler(watching)) as server:
        yield watching, server.url


async def change_a_lot(url: str) -> None:
    async with BridgeClient(BridgeAddress(url)) as client:
        await client.take("classifyimage", "w", {})
        takes = (client.take("classifyimage", "w", {}) for _ in range(5))
        await asyncio.gather(*takes, *(client.complete(str(number), {}) for number in range(5)))


@pytest.mark.parametrize("watch", ["2.2.1"], indirect=True)
def test_a_fragile_server_gets_one_change_at_a_time(watch: tuple[Watch, str]) -> None:
    """Two reports at the same instant killed the real one in two runs of five."""
    asyncio.run(change_a_lot(watch[1]))
    assert watch[0].most == 1


@pytest.mark.parametrize("watch", ["1.3.0"], indirect=True)
def test_a_sturdy_server_gets_many_at_once(watch: tuple[Watch, str]) -> None:
    """The others queue changes themselves; waiting for each would make the network the limit."""
    asyncio.run(change_a_lot(watch[1]))
    assert watch[0].most > 1


@pytest.mark.parametrize("watch", ["1.3.0"], indirect=True)
def test_a_server_is_taken_for_fragile_until_it_shows(watch: tuple[Watch, str]) -> None:
    """Tasks that were left over are reported before the first take tells the release."""

    async def report() -> None:
        async with BridgeClient(BridgeAddress(watch[1])) as client:
            await asyncio.gather(*(client.complete(str(number), {}) for number in range(5)))

    asyncio.run(report())
    assert watch[0].most == 1
