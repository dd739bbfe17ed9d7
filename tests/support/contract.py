"""The client that tests the TaskBridge contract on any server."""

import json
from typing import Any

import pytest

from support.http_client import Answer, HttpClient
from support.multipart import file_part, form_type, json_part, multipart

#: The releases whose responses are known.
EMBEDDED, V1, V2, V3 = "embedded", "1.3.0", "2.2.1", "3.1.0"
#: An id that no task has.
NOBODY = "00000000-0000-4000-8000-000000000000"
_BOUNDARY = "contract-suite-boundary"


class Bridge(HttpClient):
    """A client of one server that remembers which tasks it added.

    Attributes:
        url: the root URL without a slash at its end.
        release: "embedded", "1.3.0", "2.2.1" or "3.1.0".
        made: ids of the tasks that were added through it.
    """

    def __init__(self, url: str, release: str) -> None:
        super().__init__(url)
        self.release = release
        self.made: list[str] = []

    @property
    def is_embedded(self) -> bool:
        return self.release == EMBEDDED

    def only_embedded(self, promise: str) -> None:
        """Skips the test on another server."""
        if not self.is_embedded:
            pytest.skip(f"{self.release} does not promise that {promise}")

    def add(self, form: object, file: bytes | None = None, *, slash: str = "/") -> str:
        """Adds a task, which the suite removes at the end, and returns its id."""
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
        """Sends a form, right or wrong; if it adds a task, the suite removes it at the end."""
        parts = [] if form is None else [json_part(form)]
        if file is not None:
            parts.append(file_part(file, "../a b.jpg", "image/jpeg"))
        if file_first:
            parts.reverse()
        body = multipart(_BOUNDARY, parts)
        answer = self.call("POST", f"/api/tasks/add{slash}", body, form_type(_BOUNDARY))
        if answer.status == 200:
            self.made.append(answer.json()["id"])
        return answer

    def take(self, task_type: str, worker: str = "w", abilities: object = None) -> Answer:
        request = {"type": task_type, "worker": worker, "abilities": abilities or {}}
        return self.post("tasks/take/", request)

    def complete_one(self, task_type: str, result: object) -> str:
        """Adds a task, takes it, completes it, and returns its id."""
        task_id = self.add({"type": task_type})
        assert self.take(task_type).json()["id"] == task_id
        assert self.post(f"tasks/complete/{task_id}/", {"result": result}).status == 200
        return task_id

    def remove(self, task_id: str) -> Answer:
        """Removes a task of this suite, and no other."""
        assert task_id in self.made
        return self.delete(f"tasks/remove/{task_id}/")

    def listed(self, task_id: str) -> dict[str, Any] | None:
        """The entry of a task in the list, None if there is none."""
        tasks = self.get("tasks/list/").json()
        return next((task for task in tasks if task["id"] == task_id), None)
