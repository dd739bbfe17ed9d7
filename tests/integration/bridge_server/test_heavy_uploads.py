"""Uploads that are slow or endless: other clients are served, and the disk stays free."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.in_process import (
    FORM_END,
    FORM_LINE,
    FORM_START,
    BridgeOnFolder,
    read_status,
    serving,
)
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server.limits import Limits

MIB = 2**20
TEN_GB = 10 * 10**9


def test_two_hundred_slow_uploads_stop_nobody(bridge: BridgeOnFolder) -> None:
    """All send slowly while others work; then all of them finish."""
    with ExitStack() as stack:
        slow = [stack.enter_context(bridge.connect()) for _ in range(200)]
        length = len(FORM_START) + 10 + len(FORM_END)
        for connection in slow:
            connection.sendall(
                bridge.head("tasks/add/", FORM_LINE, f"Content-Length: {length}") + FORM_START
            )
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
            connection.sendall(b"67890" + FORM_END)
        assert {read_status(connection) for connection in slow} == {200}
    assert bridge.post("tasks/take/", {"type": "t"}).status == 200
    assert len(bridge.listed()) == len(bridge.files()) == 220


def flood(connection: socket.socket, pieces: Iterator[bytes], folder: Path) -> tuple[int, int]:
    """Sends until the server answers; returns the status and the most bytes seen on disk."""
    most_bytes = 0
    for piece in pieces:
        connection.sendall(piece)
        sizes = [path.stat().st_size for path in (folder / "files").glob("*")]
        most_bytes = max(most_bytes, sum(sizes))
        if select.select([connection], [], [], 0)[0]:
            break
    return read_status(connection), most_bytes


def of_known_length(bridge: BridgeOnFolder) -> Iterator[bytes]:
    yield bridge.head("tasks/add/", FORM_LINE, f"Content-Length: {TEN_GB}") + FORM_START
    for _ in range(TEN_GB // MIB):
        yield bytes(MIB)


def of_unknown_length(bridge: BridgeOnFolder) -> Iterator[bytes]:
    def chunk(content: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(content), content)

    yield bridge.head("tasks/add/", FORM_LINE, "Transfer-Encoding: chunked") + chunk(FORM_START)
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
