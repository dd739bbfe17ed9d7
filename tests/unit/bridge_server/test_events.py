"""The stream of events for pages."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support.in_process import BridgeOnFolder, serving
from support.waiting import LONG_S, wait_until
from taskworker_classifyimage.bridge_server import events
from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.limits import Limits


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_INTERVAL_S", 0.01)
    monkeypatch.setattr(events, "_WORKERS_S", 0.02)
    monkeypatch.setattr(events, "_COUNTING", 1.0)


class Page:
    """A page that listens."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._lines = connection.makefile("r", encoding="utf-8", newline="\n")
        self.status = int(self._lines.readline().split()[1])
        self.headers = {}
        while line := self._lines.readline().strip():
            name, _, value = line.partition(": ")
            self.headers[name] = value

    def next(self, event: str) -> Any:
        """The data of the next event of a kind."""
        while line := self._lines.readline():
            if line == f"event: {event}\n":
                return json.loads(self._lines.readline().removeprefix("data: "))
        raise EOFError

    def is_over(self) -> bool:
        """Whether the stream comes to its end."""
        with suppress(EOFError):
            while True:
                self.next("tasks")
        return True

    def until(self, task_id: str, status: str) -> dict[str, Any]:
        """Reads until a task has changed to a status; returns the counts then."""
        while True:
            told = self.next("tasks")
            for task in told["changed"]:
                if (task["id"], task["status"]) == (task_id, status):
                    return dict(told["counts"])
            if status == "removed" and task_id in told["removed"]:
                return dict(told["counts"])


@contextmanager
def listening(bridge: BridgeOnFolder, *headers: str) -> Iterator[Page]:
    with bridge.connect() as connection:
        lines = ("GET /api/events HTTP/1.1", f"Host: {bridge.netloc}", "Accept: */*", *headers)
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        yield Page(connection)
        # The page reads through a file, which keeps the connection open.
        connection.shutdown(socket.SHUT_RDWR)


def test_a_page_is_told_what_there_is_and_then_each_change(bridge: BridgeOnFolder) -> None:
    before = bridge.add()
    with listening(bridge) as page:
        assert page.headers["Content-Type"] == "text/event-stream"
        first = page.next("tasks")
        none = {"open": 1, "inprogress": 0, "completed": 0, "failed": 0}
        assert first == {"changed": [], "removed": [], "counts": none}
        assert page.next("workers") == bridge.get("workers/list/").json()
        assert page.until(bridge.add(), "open") == none | {"open": 2}
        bridge.take()
        assert page.until(before, "inprogress") == none | {"inprogress": 1}
        bridge.post(f"tasks/complete/{before}/", {"result": {"error": "no", "code": "damaged"}})
        assert page.until(before, "completed") == none | {"completed": 1, "failed": 1}
        bridge.get(f"tasks/restart/{before}/")
        assert page.until(before, "open") == none | {"open": 2}
        bridge.delete(f"tasks/remove/{before}/")
        assert page.until(before, "removed") == none
        while [worker["name"] for worker in page.next("workers")] != ["w"]:
            pass


def test_a_page_is_told_to_read_the_list_again_when_too_much_has_changed(
    bridge: BridgeOnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_INTERVAL_S", 0.5)
    monkeypatch.setattr(events, "_MOST_CHANGES", 5)
    with listening(bridge) as page:
        page.next("tasks")
        for _ in range(20):
            bridge.add()
        while not (told := page.next("tasks")).get("reload"):
            pass
        assert set(told) == {"reload", "counts"}


def test_a_page_that_has_gone_costs_nothing(bridge: BridgeOnFolder) -> None:
    with listening(bridge) as page:
        page.next("tasks")
        assert bridge.server.streams.count == 1
    wait_until(lambda: bridge.server.streams.count == 0)


def test_a_page_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge, bridge.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.sendall(
            f"GET /api/events HTTP/1.1\r\nHost: {bridge.netloc}\r\nAccept: */*\r\n\r\n".encode()
        )
        wait_until(lambda: bridge.server.streams.count == 1)
        for number in range(1000):
            bridge.post("tasks/take/", {"type": f"t{number}", "worker": "w" * 200})
        wait_until(lambda: bridge.server.streams.count == 0)


def test_many_pages_are_told_without_a_place_for_work(tmp_path: Path) -> None:
    with (
        serving(tmp_path, Limits(connections=3)) as bridge,
        listening(bridge) as one,
        listening(bridge) as two,
        listening(bridge) as three,
    ):
        task_id = bridge.add()
        for page in (one, two, three):
            assert page.until(task_id, "open")["open"] == 1
        with listening(bridge) as fourth:
            assert fourth.status == 503


def test_a_stop_ends_the_streams(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        connection = bridge.connect()
        connection.sendall(
            f"GET /api/events HTTP/1.1\r\nHost: {bridge.netloc}\r\nAccept: */*\r\n\r\n".encode()
        )
        page = Page(connection)
        page.next("tasks")
    connection.settimeout(LONG_S)
    with connection:
        assert page.is_over()


def test_the_stream_needs_the_token(tmp_path: Path) -> None:
    token = "0123456789abcdef"
    with serving(tmp_path, access=Access(token)) as bridge:
        with listening(bridge) as page:
            assert page.status == 401
        with listening(bridge, f"Authorization: Bearer {token}") as page:
            assert page.status == 200
            page.next("tasks")
