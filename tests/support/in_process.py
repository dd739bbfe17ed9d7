"""An embedded bridge inside of this process, in an event loop of its own thread."""

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
from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.server import BridgeServer

#: Of the forms for a `BridgeOnFolder`: short, so that tests can write such forms out, and a random
#: body may happen to have it.
BOUNDARY = "b"
FORM_TYPE = form_type(BOUNDARY)
_TIMEOUT_S = 30.0


def form(json_text: bytes, file: bytes | None = None, file_name: str = "a.jpg") -> bytes:
    """The body of tasks/add/."""
    parts = [json_part(json_text)]
    if file is not None:
        parts.append(file_part(file, file_name))
    return multipart(BOUNDARY, parts)


class BridgeOnFolder(HttpClient):
    """A client of an embedded bridge, which also looks into its data folder.

    Attributes:
        url: the root URL without a slash at its end.
        folder: the data folder.
    """

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url)
        self.folder = folder

    @property
    def netloc(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    def connect(self) -> socket.socket:
        """A bare connection, for what an HTTP client would not send."""
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port or 0), _TIMEOUT_S)

    def add_form(self, body: bytes) -> Answer:
        """Call tasks/add/ with what is said to be a form."""
        return self.call("POST", "/api/tasks/add/", body, FORM_TYPE)

    def add(self, file: bytes | None = None, file_name: str = "a.jpg") -> str:
        """Add a task of type "t" and return its id."""
        answer = self.add_form(form(b'{"type": "t"}', file, file_name))
        assert answer.status == 200, answer.body
        task_id = answer.json()["id"]
        assert isinstance(task_id, str)
        return task_id

    def take(self) -> str | None:
        """Take a task of type "t" and return its id."""
        answer = self.post("tasks/take/", {"type": "t", "worker": "w"})
        return str(answer.json()["id"]) if answer.status == 200 else None

    def listed(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.get("tasks/list/").json()
        return tasks

    def files(self) -> list[str]:
        """The names in the folder of files."""
        return sorted(path.name for path in (self.folder / "files").iterdir())


@contextmanager
def serving(
    folder: Path, limits: Limits | None = None, access: Access | None = None
) -> Iterator[BridgeOnFolder]:
    """Run an embedded bridge on a free port."""
    server = BridgeServer("127.0.0.1", 0, folder, limits=limits, access=access)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        def run(step: Coroutine[Any, Any, None]) -> None:
            asyncio.run_coroutine_threadsafe(step, loop).result(_TIMEOUT_S)

        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            run(server.start())
            yield BridgeOnFolder(server.url, folder)
        finally:
            try:
                run(server.stop())
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
