"""A TaskBridge client that uses only the standard library, as a real client might."""

import json
import urllib.error
import urllib.request
import uuid
from typing import Any

from support.multipart import file_part, form_type, json_part, multipart
from support.waiting import LONG_S, wait_until


class Api:
    """Calls a TaskBridge; statuses other than 200 raise `urllib.error.HTTPError`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.root = url.rstrip("/")
        self._token = token

    def call(
        self, method: str, path: str, body: bytes | None = None, content_type: str = ""
    ) -> bytes:
        request = urllib.request.Request(f"{self.root}/api/{path}", data=body, method=method)
        if content_type:
            request.add_header("Content-Type", content_type)
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=LONG_S) as answer:
            content: bytes = answer.read()
        return content

    def json(self, method: str, path: str, body: object = None) -> Any:
        encoded = None if body is None else json.dumps(body).encode()
        return json.loads(self.call(method, path, encoded, "application/json" if encoded else ""))

    def add(self, data: object = None, file: bytes | None = None, **task: object) -> str:
        """Adds a task and returns its id; without `data` the task has none."""
        task.setdefault("type", "classifyimage")
        if data is not None:
            task["data"] = data
        parts = [json_part(json.dumps(task).encode())]
        if file is not None:
            parts.append(file_part(file, "a.jpg", "application/octet-stream"))
        boundary = uuid.uuid4().hex
        body = multipart(boundary, parts)
        answer = self.call("POST", "tasks/add/", body, form_type(boundary)["Content-Type"])
        return str(json.loads(answer)["id"])

    def status(self, task_id: str) -> str:
        return str(self.json("GET", f"tasks/status/{task_id}/")["status"])

    def result(self, task_id: str) -> dict[str, Any]:
        result = self.json("GET", f"tasks/result/{task_id}/")["result"]
        assert isinstance(result, dict)
        return result

    def tasks(self) -> list[dict[str, Any]]:
        listed = self.json("GET", "tasks/list/")
        assert isinstance(listed, list)
        return listed

    def statuses(self) -> dict[str, int]:
        """Counts the tasks in each status."""
        counts: dict[str, int] = {}
        for task in self.tasks():
            counts[task["status"]] = counts.get(task["status"], 0) + 1
        return counts

    def remove(self, task_id: str) -> None:
        self.call("DELETE", f"tasks/remove/{task_id}/")

    def wait_for_result(self, task_id: str) -> dict[str, Any]:
        """The result once the task is completed."""
        wait_until(lambda: self.status(task_id) == "completed")
        return self.result(task_id)

    def wait_until_up(self) -> None:
        """Returns once the server answers."""
        wait_until(self._is_up)

    def _is_up(self) -> bool:
        try:
            self.tasks()
        except OSError:
            return False
        return True
