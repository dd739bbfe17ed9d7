"""A TaskBridge client on one kept-alive connection, cheap enough to watch without disturbing."""

import http.client
import json
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.processes import MeasurementFailed

_TIMEOUT_S = 60.0
_JSON = {"Content-Type": "application/json"}


class Api:
    """Calls one bridge; every path ends with a slash, which every release understands."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = f"{parts.scheme}://{parts.netloc}/"
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None
    ) -> tuple[int, bytes]:
        """Status and body of one call below /api/."""
        return self._call(method, f"/api/{path}", body, headers)

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None
    ) -> tuple[int, bytes]:
        """Calls, and again on a connection that the bridge gave up."""
        for last_try in (False, True):
            try:
                if self._connection.sock is None:
                    self._connect()
                self._connection.request(method, path, body, headers or {})
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                if last_try:
                    raise
            except OSError:
                self._connection.close()
                raise
        raise AssertionError

    def _connect(self) -> None:
        self._connection.connect()
        # A head and a body in two packets wait for each other without this.
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def json(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of an answer that has to be 200."""
        encoded = None if body is None else json.dumps(body).encode()
        status, answer = self.call(method, path, encoded, _JSON if encoded else None)
        if status != 200:
            raise MeasurementFailed(f"{method} {path}: {status} {answer[:200]!r}")
        return json.loads(answer) if answer.strip().startswith((b"{", b"[")) else None

    def add(self, picture: bytes, data: object = None, task_type: str = "classifyimage") -> str:
        """Adds a task with a file; its id."""
        mark = uuid.uuid4().hex
        task = json.dumps({"type": task_type, "data": data or {"numberofpredictions": 10}})
        body = (
            f'--{mark}\r\nContent-Disposition: form-data; name="json"\r\n\r\n{task}\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + picture
        body += f"\r\n--{mark}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        status, answer = self.call("POST", "tasks/add/", body, headers)
        if status != 200:
            raise MeasurementFailed(f"add: {status} {answer[:200]!r}")
        return str(json.loads(answer)["id"])

    def add_all(self, pictures: Sequence[bytes]) -> list[str]:
        """Adds a task for each; their ids in order."""
        return [self.add(picture) for picture in pictures]

    def take(self, task_type: str) -> str:
        """Takes a task of a type; its id."""
        taken = {"type": task_type, "worker": "benchmark", "abilities": {}}
        return str(self.json("POST", "tasks/take/", taken)["id"])

    def take_several(self, task_type: str, most: int, files_bytes: int) -> list[str]:
        """Takes tasks of a type with their files; their ids, one where a bridge gives only one."""
        asked = {"type": task_type, "worker": "benchmark", "lease": True, "most": most}
        body = json.dumps({**asked, "filebytes": files_bytes}).encode()
        status, answer = self.call("POST", "tasks/take/", body, _JSON)
        if status == 404:
            return []
        if status != 200:
            raise MeasurementFailed(f"take: {status} {answer[:200]!r}")
        if not answer[:1].isdigit():
            return [str(json.loads(answer)["id"])]
        length, _, rest = answer.partition(b"\n")
        return [str(task["id"]) for task in json.loads(rest[: int(length)])]

    def metrics(self) -> str:
        """The figures of an embedded bridge, as Prometheus reads them."""
        _, answer = self._call("GET", "/metrics")
        return answer.decode()

    def status(self, task_id: str) -> str:
        """open, inprogress or completed."""
        return str(self.json("GET", f"tasks/status/{task_id}/")["status"])

    def completed(self) -> int:
        """How many tasks of this type were ever completed."""
        return int(self.json("GET", "tasks/statistics/").get("classifyimage", 0))

    def tasks(self) -> dict[str, dict[str, Any]]:
        """All tasks by id, as the list gives them."""
        return {task["id"]: task for task in self.json("GET", "tasks/list/")}

    def result(self, task_id: str) -> dict[str, Any]:
        """The result of a completed task."""
        result: dict[str, Any] = self.json("GET", f"tasks/result/{task_id}/")["result"]
        return result

    def wait_until_up(self, timeout_s: float = 60.0) -> None:
        """Waits until the bridge answers."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                # Short whatever is queued, unlike the list of tasks.
                self.json("GET", "workers/list/")
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)
            else:
                return
