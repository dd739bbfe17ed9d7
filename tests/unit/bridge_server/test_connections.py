"""Connections: a new one is always served, and one that is too slow is closed."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from support.clock import Clock
from support.in_process import FORM_LINE, FORM_START, BridgeOnFolder, read_status, serving
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server import connections, server
from taskworker_classifyimage.bridge_server.connections import (
    Allowed,
    count_allowed,
    make_error_handler,
)
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.server import Clocks

MIB = 2**20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[BridgeOnFolder]:
    """A bridge with ten connections."""
    with serving(tmp_path, Limits(connections=10)) as served:
        yield served


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BridgeOnFolder]:
    """A bridge that checks all the time whether a connection is slow."""
    monkeypatch.setattr(server, "CHECK_INTERVAL_S", 0.05)
    with serving(tmp_path) as served:
        yield served


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize("sent", ["nothing", "half a head", "half a body"])
def test_connections_that_wait_give_way_to_those_that_work(
    small: BridgeOnFolder, sent: str
) -> None:
    head = small.head("tasks/add/", FORM_LINE, "Content-Length: 1000")
    start = {"nothing": b"", "half a head": head[:30], "half a body": head + FORM_START}[sent]
    with ExitStack() as stack:
        waiting = [stack.enter_context(small.connect()) for _ in range(30)]
        for connection in waiting:
            # The first ones are closed already.
            with suppress(ConnectionError):
                connection.sendall(start)
        task_id = small.add(b"picture")
        assert small.take() == task_id
        assert small.post(f"tasks/complete/{task_id}/", {"result": 1}).status == 200
        wait_until(lambda: sum(map(is_closed, waiting)) >= 20)
    wait_until(lambda: len(small.files()) == 1)


def test_a_body_that_hardly_arrives_is_a_408(impatient: BridgeOnFolder) -> None:
    with impatient.connect() as connection:
        head = impatient.head("tasks/add/", FORM_LINE, "Content-Length: 1000000")
        connection.sendall(head + FORM_START + b"x")
        assert read_status(connection) == 408
    wait_until(lambda: impatient.files() == [])


def test_a_connection_that_asks_nothing_is_not_slow(impatient: BridgeOnFolder) -> None:
    with impatient.connect() as idle, impatient.connect() as slow:
        slow.sendall(impatient.head("tasks/add/", FORM_LINE, "Content-Length: 9") + b"x")
        assert read_status(slow) == 408
        idle.sendall(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_status(idle) == 200


@pytest.mark.skipif(sys.platform != "linux", reason="the sizes of Linux's buffers")
def test_an_answer_that_nobody_reads_is_cut(impatient: BridgeOnFolder) -> None:
    task_id = impatient.add()
    result = {"result": "x" * (20 * MIB)}
    assert impatient.post(f"tasks/complete/{task_id}/", result).status == 200
    with impatient.connect() as connection:
        call = f"GET /api/tasks/result/{task_id} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(call.encode())
        wait_until(lambda: is_reset(connection))
    assert len(impatient.get(f"tasks/result/{task_id}").body) > 20 * MIB


def test_large_answers_that_nobody_reads_give_way_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only old ones: before, another large answer is a 503, and small ones are sent."""
    monkeypatch.setattr(connections, "_ANSWERS_BYTES", 30 * MIB)
    clock = Clock()
    with serving(tmp_path, clocks=Clocks(monotonic=clock)) as bridge, bridge.connect() as stuck:
        task_id = bridge.add()
        result = {"result": "x" * (20 * MIB)}
        assert bridge.post(f"tasks/complete/{task_id}/", result).status == 200
        call = f"GET /api/tasks/result/{task_id} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        stuck.sendall(call.encode())
        wait_until(lambda: bridge.get(f"tasks/result/{task_id}").status == 503)
        assert bridge.status(task_id) == "completed"
        clock.now_s += 11
        assert bridge.get(f"tasks/result/{task_id}").status == 200
        wait_until(lambda: is_reset(stuck))


def is_reset(connection: socket.socket) -> bool:
    """Whether the server has cut the connection; nothing is read."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_there_are_as_many_connections_as_descriptors_allow() -> None:
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for descriptors, working, waiting in (
            (8192, 1000, 4000),
            (1024, 298, 300),
            (256, 42, 44),
            (140, 8, 0),
        ):
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
            assert count_allowed() == Allowed(working, waiting)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_shortage_of_descriptors_is_one_line_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.new_event_loop()
    try:
        handle = make_error_handler()
        for _ in range(100):
            err = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            handle(loop, {"message": "socket.accept() out of system resource", "exception": err})
        handle(loop, {"message": "another error"})
    finally:
        loop.close()
    assert len(caplog.records) == 2
    assert "ulimit -n" in caplog.messages[0]
    assert "another error" in caplog.messages[1]
