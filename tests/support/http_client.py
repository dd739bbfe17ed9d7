"""A client that sends any request, right or wrong, and returns the whole response.

`support.api.Api` is the other client: it sends only correct requests and expects them to succeed.
"""

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from support.waiting import LONG_S

JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class HttpClient:
    """Calls one server, on a new connection each time.

    Attributes:
        url: the root URL without a slash at its end.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def call(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends one request to a path below the root URL."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=LONG_S)
        try:
            connection.request(method, parts.path + path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.call("GET", f"/api/{path}")

    def post(self, path: str, value: object) -> Answer:
        return self.post_text(path, json.dumps(value).encode())

    def post_text(self, path: str, text: bytes | Iterable[bytes]) -> Answer:
        """Posts a body that is announced as JSON."""
        return self.call("POST", f"/api/{path}", text, JSON_TYPE)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", f"/api/{path}")
