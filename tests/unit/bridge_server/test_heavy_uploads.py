"""Uploads that are slow, endless or too much: the others are served, and the disk stays free."""

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.http_client import JSON_TYPE
from support.in_process import FORM_TYPE, BridgeOnFolder, form, serving
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server.limits import Limits

MIB = 2**20
TEN_GB = 10 * 10**9
#: The beginning of a form, up to the first byte of its file.
BEGINNING = form(b'{"type": "t"}', b"x").partition(b"x\r\n--b--")[0]
END = b"\r\n--b--\r\n"


def head(bridge: BridgeOnFolder, how_long: str) -> bytes:
    lines = ("POST /api/tasks/add/ HTTP/1.1", f"Host: {bridge.netloc}", how_long)
    return "\r\n".join((*lines, f"Content-Type: {FORM_TYPE['Content-Type']}", "", "")).encode()


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(20).split()[1])


def test_two_hundred_slow_uploads_stop_nobody(bridge: BridgeOnFolder) -> None:
    """All drip into their files while others work; then all come to their end."""
    with ExitStack() as stack:
        slow = [stack.enter_context(bridge.connect()) for _ in range(200)]
        length = len(BEGINNING) + 10 + len(END)
        for connection in slow:
            connection.sendall(head(bridge, f"Content-Length: {length}") + BEGINNING)
        for digit in b"12345":
            assert bridge.take() is None
            for connection in slow:
                connection.sendall(bytes([digit]))
        wait_until(lambda: len(bridge.files()) == 200)
        for _ in range(20):
            task_id = bridge.add(b"picture")
            assert bridge.take() == task_id
            assert bridge.get(f"tasks/file/{task_id}/").body == b"picture"
            assert bridge.post(f"tasks/complete/{task_id}/", {"result": 1}).status == 200
        for connection in slow:
            connection.sendall(b"67890" + END)
        assert {status_of(connection) for connection in slow} == {200}
    assert bridge.post("tasks/take/", {"type": "t"}).status == 200
    assert len(bridge.listed()) == len(bridge.files()) == 220


def flood(connection: socket.socket, pieces: Iterator[bytes], folder: Path) -> tuple[int, int]:
    """Sends until the server answers; gives the status and the most bytes there were on disk."""
    most_bytes = 0
    for piece in pieces:
        connection.sendall(piece)
        sizes = [path.stat().st_size for path in (folder / "files").glob("*")]
        most_bytes = max(most_bytes, sum(sizes))
        if select.select([connection], [], [], 0)[0]:
            break
    return status_of(connection), most_bytes


def of_known_length(bridge: BridgeOnFolder) -> Iterator[bytes]:
    yield head(bridge, f"Content-Length: {TEN_GB}") + BEGINNING
    for _ in range(TEN_GB // MIB):
        yield bytes(MIB)


def of_unknown_length(bridge: BridgeOnFolder) -> Iterator[bytes]:
    def chunk(content: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(content), content)

    yield head(bridge, "Transfer-Encoding: chunked") + chunk(BEGINNING)
    for _ in range(TEN_GB // MIB):
        yield chunk(bytes(MIB))


@pytest.mark.parametrize("pieces", [of_known_length, of_unknown_length])
def test_ten_gigabytes_are_refused_and_do_not_fill_the_disk(tmp_path: Path, pieces: object) -> None:
    assert callable(pieces)
    limits = Limits(upload_bytes=8 * MIB)
    with serving(tmp_path, limits) as bridge, bridge.connect() as connection:
        status, most_bytes = flood(connection, pieces(bridge), tmp_path)
        assert status == 413
        assert most_bytes <= (0 if pieces is of_known_length else limits.upload_bytes)
        wait_until(lambda: not bridge.files())
        assert bridge.listed() == []


def test_what_would_fill_the_disk_is_a_507_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, Limits(free_bytes=2**62)) as bridge:
        answer = bridge.add_form(form(b'{"type": "t"}', b"picture"))
        assert (answer.status, answer.json()) == (507, {"error": "the bridge's disk is full"})
        assert "bridge.disk_full" in caplog.text
        assert "Traceback" not in caplog.text
        assert bridge.files() == []
        bridge.add()


@pytest.mark.parametrize("path", ["add", "complete/00000000-0000-4000-8000-000000000000"])
def test_what_never_arrives_is_a_408_and_leaves_nothing(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, Limits(arrival_s=0.2)) as bridge, bridge.connect() as connection:
        start = head(bridge, "Content-Length: 1000").replace(b"add", path.encode())
        if path != "add":
            start = start.replace(FORM_TYPE["Content-Type"].encode(), b"application/json")
        connection.sendall(start + BEGINNING)
        assert status_of(connection) == 408
        assert bridge.files() == []


@pytest.mark.parametrize("is_form", [False, True], ids=["result", "new task"])
def test_large_json_of_many_calls_does_not_fill_the_memory(tmp_path: Path, is_form: bool) -> None:
    """What is too much for now is a 503, small calls go on, and when there is room, large ones."""
    limits = Limits(held_bytes=MIB)
    large = json.dumps({"type": "t", "result": "x" * (MIB - 1000)}).encode()
    with serving(tmp_path, limits) as bridge, ExitStack() as stack:
        task_id = bridge.add()
        path = "/api/tasks/add/" if is_form else f"/api/tasks/complete/{task_id}/"
        body = form(large) if is_form else large
        headers = FORM_TYPE if is_form else JSON_TYPE
        slow = [stack.enter_context(bridge.connect()) for _ in range(2)]
        for connection in slow:
            start = head(bridge, f"Content-Length: {len(body)}").replace(
                b"/api/tasks/add/", path.encode()
            )
            start = start.replace(
                FORM_TYPE["Content-Type"].encode(), headers["Content-Type"].encode()
            )
            connection.sendall(start + body[: len(body) // 2])
        wait_until(lambda: bridge.call("POST", path, body, headers).status == 503)
        refusal = bridge.call("POST", path, body, headers).json()
        assert refusal == {"error": "too much large JSON at once; try again"}
        assert bridge.post(f"tasks/progress/{task_id}/", {"progress": 5}).status == 200
        for connection in slow:
            connection.close()
        wait_until(lambda: bridge.call("POST", path, body, headers).status == 200)
