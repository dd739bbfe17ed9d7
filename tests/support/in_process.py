"""An embedded bridge inside this process, on an event loop in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.http_client import Answer, HttpClient
from support.multipart import file_part, form_type, json_part, multipart
from support.waiting import LONG_S
from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.server import BridgeServer, Clocks

#: The boundary of forms for a `BridgeOnFolder`: so short that tests can write forms by hand, and
#: that a random body may contain it.
BOUNDARY = "b"
FORM_TYPE = form_type(BOUNDARY)
#: The same header as a line.
FORM_LINE = f"Content-Type: {FORM_TYPE['Content-Type']}"


def form(json_text: bytes, file: bytes | None = None, file_name: str = "a.jpg") -> bytes:
    """The body of tasks/add/."""
    parts = [json_part(json_text)]
    if file is not None:
        parts.append(file_part(file, file_name))
    return multipart(BOUNDARY, parts)


#: A form up to the first byte of its file, and from the file's end.
FORM_START, FORM_END = form(b'{"type": "t"}', b"FILE").split(b"FILE")


def read_status(connection: socket.socket) -> int:
    return int(connection.recv(20).split()[1])


class BridgeOnFolder(HttpClient):
    """A client of an embedded bridge that also reads the bridge's data folder.

    Attributes:
        url: the root URL without a slash at its end.
        folder: the data folder.
    """

    def __init__(self, url: str, folder: Path, server: BridgeServer | None = None) -> None:
        super().__init__(url)
        self.folder = folder
        self._server = server

    @property
    def server(self) -> BridgeServer:
        """The bridge itself, if it runs in this process."""
        assert self._server is not None
        return self._server

    @property
    def netloc(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    def connect(self) -> socket.socket:
        """A bare connection, to send what an HTTP client would not send."""
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port or 0), LONG_S)

    def head(self, path: str, *headers: str) -> bytes:
        """The request line and headers of a POST."""
        lines = (f"POST /api/{path} HTTP/1.1", f"Host: {self.netloc}", *headers, "", "")
        return "\r\n".join(lines).encode()

    def add_form(self, body: bytes) -> Answer:
        """Calls tasks/add/ with a body that is announced as a form."""
        return self.call("POST", "/api/tasks/add/", body, FORM_TYPE)

    def add(self, file: bytes | None = None, file_name: str = "a.jpg") -> str:
        """Adds a task of type "t" and returns its id."""
        answer = self.add_form(form(b'{"type": "t"}', file, file_name))
        assert answer.status == 200, answer.body
        task_id = answer.json()["id"]
        assert isinstance(task_id, str)
        return task_id

    def take(self) -> str | None:
        """Takes a task of type "t" and returns its id."""
        answer = self.post("tasks/take/", {"type": "t", "worker": "w"})
        return str(answer.json()["id"]) if answer.status == 200 else None

    def listed(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.get("tasks/list/").json()
        return tasks

    def status(self, task_id: str) -> str:
        return str(self.get(f"tasks/status/{task_id}/").json()["status"])

    def files(self) -> list[str]:
        """The names in the folder of files."""
        return sorted(path.name for path in (self.folder / "files").iterdir())


@contextmanager
def serving(
    folder: Path,
    limits: Limits | None = None,
    access: Access | None = None,
    clocks: Clocks | None = None,
    port: int = 0,
) -> Iterator[BridgeOnFolder]:
    """Runs an embedded bridge, on a free port if none is named."""
    server = BridgeServer("127.0.0.1", port, folder, limits=limits, access=access, clocks=clocks)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        def run(step: Coroutine[Any, Any, None]) -> None:
            asyncio.run_coroutine_threadsafe(step, loop).result(LONG_S)

        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            run(server.start())
            yield BridgeOnFolder(server.url, folder, server)
        finally:
            try:
                run(server.stop())
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
