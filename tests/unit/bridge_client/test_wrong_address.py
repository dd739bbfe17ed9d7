"""Addresses that lead to no bridge, or not quite to its root."""

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from support.canned_server import CannedServer, http
from support.tls_server import TestServer
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import open_bridge
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.errors import BridgeUnavailable

PAGE = b"<!DOCTYPE html><title>Sign in</title>"


class Bridge(BaseHTTPRequestHandler):
    """An empty bridge whose root is the server's `root`; 404 to everything else."""

    server: "Rooted"

    def do_GET(self) -> None:
        self._answer(b"[]" if self.path == f"{self.server.root}/api/workers/list/" else None)

    def do_POST(self) -> None:
        self.server.posts.append(self.path)
        self._answer(None)

    def _answer(self, body: bytes | None) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_arguments: object) -> None:
        """Keeps the output of the tests clean."""


class Rooted(TestServer):
    def __init__(self, root: str) -> None:
        super().__init__(Bridge)
        self.root = root
        self.posts: list[str] = []


@pytest.fixture(params=["", "/api", "/lab"])
def rooted(request: pytest.FixtureRequest) -> Iterator[Rooted]:
    with Rooted(request.param) as server:
        yield server


@pytest.mark.parametrize("end", ["", "/", "/api", "/api/"])
def test_the_address_may_be_that_of_the_api(rooted: Rooted, end: str) -> None:
    """As X-Ways' settings have it; a bridge below "/api" is found too."""

    async def take() -> tuple[object, str]:
        address = BridgeAddress.parse(rooted.url + rooted.root + end)
        async with open_bridge(address, "w", "classifyimage") as bridge:
            return await bridge.take({}), bridge.url

    assert asyncio.run(take()) == ([], rooted.url + rooted.root)
    assert rooted.posts == [f"{rooted.root}/api/tasks/take/"]


def test_a_server_that_is_no_bridge_is_not_one_without_tasks() -> None:
    """A worker would wait for ever for tasks that cannot come."""

    async def take(server: CannedServer) -> None:
        address = BridgeAddress.parse(server.url)
        async with open_bridge(address, "w", "classifyimage") as bridge:
            for _ in range(2):
                with pytest.raises(BridgeUnavailable, match=r"404 .* is this a TaskBridge\?"):
                    await bridge.take({})

    with CannedServer() as server:
        server.answer = http(404)
        asyncio.run(take(server))


@pytest.mark.parametrize("page", [PAGE, b"\n<html>", b"  <!doctype html>"])
def test_a_login_page_acknowledges_nothing(page: bytes) -> None:
    """The result would be lost."""

    async def complete(server: CannedServer) -> None:
        async with BridgeClient(BridgeAddress.parse(server.url)) as client:
            with pytest.raises(BridgeUnavailable, match="web page"):
                await client.complete("a", {"predictions": []})

    with CannedServer() as server:
        server.answer = http(200, page, "Content-Type: text/html")
        asyncio.run(complete(server))
