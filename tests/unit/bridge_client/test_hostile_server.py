import asyncio
import gzip
import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

import pytest

from support.canned_server import CannedServer, http
from support.working import download
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.connection import CallLimits
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TooLarge

#: As the real ones, but so that tests need not wait.
LIMITS = CallLimits(
    connect_s=5.0,
    silence_s=1.0,
    call_s=2.0,
    rate_window_s=1.0,
    json_bytes=100_000,
    list_bytes=200_000,
)
PASSWORD = "0pen-sesame"
BOMB = gzip.compress(bytes(50_000_000))
ENDLESS_HEADERS = itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X: y\r\n" * 500))


def take(client: BridgeClient) -> Awaitable[object]:
    return client.take("classifyimage", "w", {})


CALLS: dict[str, Callable[[BridgeClient], Awaitable[object]]] = {
    "take": take,
    "status": lambda client: client.status("a"),
    "details": lambda client: client.details("a"),
    "tasks": lambda client: client.tasks(),
    "add": lambda client: client.add("t", {}, b"x"),
}

#: By name, answers that must cost the call that gets them, and nothing else.
HOSTILE: dict[str, bytes | Iterable[bytes]] = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "html": http(200, b"<html>sign in</html>", "Content-Type: application/json"),
    "not UTF-8": http(200, b'{"id": "\xff\xfe"}'),
    "deep": http(200, b"[" * 50_000),
    "large number": http(200, b"1" * 50_000),
    "cut JSON": http(200, b'{"id": "a"'),
    "body shorter than told": b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "a"}',
    "body longer than told": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + b'{"id": "a"}',
    "two lengths": b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 11\r\n\r\n{"id": "a"}',
    "negative length": b'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{"id": "a"}',
    "broken chunks": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"id": "a"}',
    "gzip bomb": http(200, BOMB, "Content-Encoding: gzip"),
    "packed bomb of another kind": http(200, BOMB, "Content-Encoding: br"),
    "too large, told": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{",
    "too large, untold": [b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 300_000],
    "many headers": ENDLESS_HEADERS,
    "long header": http(200, b"{}", "X: " + "y" * 100_000),
    "slow drip": itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b" ")),
    "silence": itertools.repeat(b""),
    "many interims": itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
}
#: Those of them that every kind of call is tried with.
ANYWHERE = ("html", "deep", "gzip bomb", "too large, untold")


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with CannedServer() as canned:
        yield canned


def with_client(server: CannedServer, use: Callable[[BridgeClient], Awaitable[None]]) -> None:
    async def run() -> None:
        address = BridgeAddress.parse(server.url.replace("//", f"//user:{PASSWORD}@"))
        async with BridgeClient(address, LIMITS) as client:
            await use(client)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "call"),
    [*((name, "take") for name in HOSTILE), *((name, call) for name in ANYWHERE for call in CALLS)],
)
def test_a_hostile_answer_costs_one_call(server: CannedServer, name: str, call: str) -> None:
    """One error of the kind that the worker waits out, on one line; then all goes on."""

    async def use(client: BridgeClient) -> None:
        server.answer = HOSTILE[name]
        # Of one task's details, too many are that task's fault and not the bridge's.
        errors = (BridgeUnavailable, TooLarge) if call == "details" else BridgeUnavailable
        with pytest.raises(errors) as caught:
            await CALLS[call](client)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400
        server.answer = http(404)
        assert await take(client) == []

    with_client(server, use)


@pytest.mark.parametrize(
    "name",
    [
        "gzip bomb",
        "body shorter than told",
        "broken chunks",
        "slow drip",
        "silence",
        "many headers",
    ],
)
def test_a_hostile_file_costs_one_call(server: CannedServer, name: str) -> None:
    """A picture's bytes are bounded in time, and are never unpacked."""

    async def use(client: BridgeClient) -> None:
        server.answer = HOSTILE[name]
        with pytest.raises(BridgeUnavailable):
            await download(client, "a", 1_000_000)
        server.answer = http(200, b"picture")
        assert await download(client, "a", 7) == b"picture"

    with_client(server, use)


def test_an_endless_file_is_too_large(server: CannedServer) -> None:
    """It is read to the limit, not to an end that does not come."""
    server.answer = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 100_000))

    async def use(client: BridgeClient) -> None:
        with pytest.raises(TooLarge):
            await download(client, "a", 250_000)

    with_client(server, use)


@pytest.mark.parametrize("task_id", ["", "\ud800", "x" * 5000, 5, None, ["a"], {"id": "a"}])
def test_an_absurd_id_is_not_taken(server: CannedServer, task_id: object) -> None:
    """A task that no URL can name cannot be answered either."""

    async def use(client: BridgeClient) -> None:
        server.answer = http(200, json.dumps({"id": task_id, "data": {}}).encode())
        with pytest.raises(BridgeUnavailable):
            await take(client)

    with_client(server, use)


def test_a_list_has_only_tasks_that_can_be_called(server: CannedServer) -> None:
    """Not a million letters for an id, which would go to the log, nor things that are no tasks."""
    good = {"id": "../a b", "type": "t"}
    bad = [{"id": each} for each in ("", "\ud800", "x" * 5000, 5, None, ["a"])]

    async def use(client: BridgeClient) -> None:
        server.answer = http(200, json.dumps([*bad, good, {}, 5, None, [], "task"]).encode())
        assert await client.tasks() == [good]

    with_client(server, use)


@pytest.mark.parametrize(
    "date", ["", "never", "Fri, 31 Dec 9999 23:59:59 +9999", f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"]
)
def test_an_absurd_date_is_not_believed(server: CannedServer, date: str) -> None:
    """The bridge's clock is ours until it says something better."""

    async def use(client: BridgeClient) -> None:
        server.answer = http(404, b"", f"Date: {date}")
        await take(client)
        assert abs(client.now_s - time.time()) < 60

    with_client(server, use)


@pytest.mark.parametrize("call", ["status", "details", "complete", "restart", "remove", "file"])
def test_an_id_that_no_url_can_have_is_never_sent(server: CannedServer, call: str) -> None:
    """Whatever listed it: this one call is refused here."""
    calls: dict[str, Callable[[BridgeClient], Awaitable[object]]] = {
        "status": lambda client: client.status("\udfff"),
        "details": lambda client: client.details("\udfff"),
        "complete": lambda client: client.complete("\udfff", {}),
        "restart": lambda client: client.restart("\udfff"),
        "remove": lambda client: client.remove("\udfff"),
        "file": lambda client: download(client, "\udfff", 10),
    }

    async def use(client: BridgeClient) -> None:
        with pytest.raises(BridgeRejected):
            await calls[call](client)

    with_client(server, use)
    assert server.requests == []


def test_what_a_server_says_cannot_write_to_a_terminal(server: CannedServer) -> None:
    """Status and release go to logs and to doctor's table: no line breaks, no control codes."""
    said = "\x1b[2J\r\nFAIL\u202e" * 50

    async def use(client: BridgeClient) -> None:
        server.answer = http(200, json.dumps({"status": said}).encode())
        assert (await client.status("a")).isprintable()
        server.answer = http(200, said.encode())
        release = await client.version()
        assert release is not None
        assert release.isprintable()
        assert len(release) <= 40

    with_client(server, use)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", CALLS)
def test_a_redirect_never_gets_the_credentials(
    server: CannedServer, status: int, call: str
) -> None:
    """It is told, not followed: neither to another host nor anywhere else."""
    with CannedServer() as elsewhere:
        server.answer = http(status, b"", f"Location: {elsewhere.url}/api/")

        async def use(client: BridgeClient) -> None:
            with pytest.raises(BridgeUnavailable, match=elsewhere.url):
                await CALLS[call](client)

        with_client(server, use)
        assert elsewhere.connections == 0
    assert len(server.requests) == 1


def test_no_error_and_no_log_of_any_library_tells_the_password(
    server: CannedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Every hostile answer and every refusal, with all loggers at their most talkative."""
    basic = "dXNlcjowcGVuLXNlc2FtZQ=="
    messages: list[str] = []

    async def use(client: BridgeClient) -> None:
        asyncio.get_running_loop().set_debug(True)
        statuses = (302, 304, 400, 401, 403, 404, 407, 429, 500, 503)
        for answer in (*HOSTILE.values(), *(http(status) for status in statuses)):
            server.answer = answer
            for call in (take, lambda client: client.complete("a", {})):
                try:
                    await call(client)
                except (BridgeUnavailable, BridgeRejected) as err:
                    messages.append(f"{err} {err!r} {err.__cause__!r} {err.__context__!r}")

    with caplog.at_level(logging.DEBUG):
        with_client(server, use)
    assert f"Authorization: Basic {basic}" in server.requests[0]
    assert len(messages) >= 50
    said = caplog.text + "\n".join(messages)
    assert PASSWORD not in said
    assert basic not in said
