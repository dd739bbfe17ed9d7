"""The server that the contract is tested on: the embedded one, or any other by its URL.

Without TASKBRIDGE_CONTRACT_URL an embedded bridge is started on a free port. With it the suite
talks to that server instead, and changes no task there that it has not made itself.
"""

import asyncio
import http.client
import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from taskworker_classifyimage.bridge.server import BridgeServer

URL_VARIABLE = "TASKBRIDGE_CONTRACT_URL"
EMBEDDED, V1, V2, V3 = "embedded", "1.3.0", "2.2.1", "3.1.0"
JSON_TYPE = {"Content-Type": "application/json"}
BOUNDARY = "contract-suite-boundary"
_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Bridge:
    """A client of one server; remembers which tasks it made.

    Attributes:
        url: the root URL without a slash at its end.
        release: "embedded", "1.3.0", "2.2.1" or "3.1.0".
        made: ids of the tasks that this suite added and has not removed.
    """

    url: str
    release: str
    made: list[str] = field(default_factory=list)

    @property
    def is_embedded(self) -> bool:
        return self.release == EMBEDDED

    def only_embedded(self, promise: str) -> None:
        """Skip the test on a foreign server."""
        if not self.is_embedded:
            pytest.skip(f"{self.release} does not promise that {promise}")

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own, to a path below the root URL."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)
        try:
            connection.request(method, parts.path + path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.call("GET", f"/api/{path}")

    def post(self, path: str, value: object) -> Answer:
        return self.call("POST", f"/api/{path}", json.dumps(value).encode(), JSON_TYPE)

    def add(self, form: object, file: bytes | None = None, *, slash: str = "/") -> str:
        """Add a task, which the suite removes at the end, and return its id."""
        answer = self.add_form(json.dumps(form).encode(), file, slash=slash)
        assert answer.status == 200, answer.body
        task_id = answer.json()["id"]
        assert isinstance(task_id, str)
        return task_id

    def add_form(
        self,
        form: bytes | None,
        file: bytes | None = None,
        *,
        file_first: bool = False,
        slash: str = "/",
    ) -> Answer:
        """Add what may be no task; if it becomes one, the suite removes it at the end."""
        body = _multipart(form, file, file_first=file_first)
        content_type = f"multipart/form-data; boundary={BOUNDARY}"
        answer = self.call("POST", f"/api/tasks/add{slash}", body, {"Content-Type": content_type})
        if answer.status == 200:
            self.made.append(answer.json()["id"])
        return answer

    def take(self, task_type: str, worker: str = "w", abilities: object = None) -> Answer:
        request = {"type": task_type, "worker": worker, "abilities": abilities or {}}
        return self.post("tasks/take/", request)

    def remove(self, task_id: str) -> Answer:
        """Remove a task of this suite, and of nobody else."""
        assert task_id in self.made
        return self.call("DELETE", f"/api/tasks/remove/{task_id}/")

    def listed(self, task_id: str) -> dict[str, Any] | None:
        """The entry of a task in the list."""
        tasks = self.get("tasks/list/").json()
        return next((task for task in tasks if task["id"] == task_id), None)


def _multipart(form: bytes | None, file: bytes | None, *, file_first: bool) -> bytes:
    """The body of tasks/add/."""
    parts = []
    if form is not None:
        parts.append(b'Content-Disposition: form-data; name="json"\r\n\r\n' + form)
    if file is not None:
        disposition = b'Content-Disposition: form-data; name="file"; filename="../a b.jpg"\r\n'
        parts.append(disposition + b"Content-Type: image/jpeg\r\n\r\n" + file)
    if file_first:
        parts.reverse()
    mark = f"--{BOUNDARY}".encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """The server of this run."""
    foreign_url = os.environ.get(URL_VARIABLE, "").rstrip("/")
    if foreign_url:
        yield Bridge(foreign_url, _release_of(foreign_url))
        return
    with _embedded(tmp_path_factory.mktemp("bridge")) as url:
        yield Bridge(url, EMBEDDED)


@pytest.fixture
def bridge(server: Bridge) -> Iterator[Bridge]:
    """A client of the server; what a test adds is gone after it."""
    client = Bridge(server.url, server.release)
    yield client
    for task_id in client.made:
        client.remove(task_id)


@pytest.fixture
def task_type() -> str:
    """A type that no other test and no other user of the server has."""
    return f"contract-{uuid.uuid4()}"


@contextmanager
def _embedded(folder: Path) -> Iterator[str]:
    """Run an embedded bridge in an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = BridgeServer("127.0.0.1", 0, folder)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(_TIMEOUT_S)
        try:
            yield server.url
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(_TIMEOUT_S)
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(_TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _release_of(url: str) -> str:
    """Tell the releases apart by calls that change nothing."""
    probe = Bridge(url, "unknown")
    version = probe.get("version")
    if version.status == 200:
        assert version.body.decode() == V1, f"unknown release {version.body!r}"
        # The embedded bridge speaks the protocol of 1.3.0, and explains itself.
        is_embedded = b"taskworker-classifyimage" in probe.call("GET", "/").body
        return EMBEDDED if is_embedded else V1
    is_express = probe.get("tasks/list/").headers.get("X-Powered-By") == "Express"
    return V3 if is_express else V2
