"""A server of one file, with ranges as in RFC 9110 and every fault that a test needs."""

import hashlib
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from support.tls_server import TestServer

_CHUNK_BYTES = 16_384


@dataclass
class Seen:
    """A request, and how much was sent for it."""

    path: str
    headers: dict[str, str]
    sent_bytes: int = 0


@dataclass
class Faults:
    """What goes wrong; a test may change it while the server runs.

    Attributes:
        status: answered instead of the file; 0: the file.
        location: of a redirect.
        cut_at_bytes: for each of the next answers, where in its body the connection is cut.
        hold_at_bytes: the body stops there until `let_go` is set.
        ignores_range: the whole file is sent, whatever range was requested.
        hides_length: chunked, without a Content-Length.
        headers: sent as well, or instead.
    """

    status: int = 0
    location: str = ""
    cut_at_bytes: list[int] = field(default_factory=list)
    hold_at_bytes: int | None = None
    let_go: threading.Event = field(default_factory=threading.Event)
    ignores_range: bool = False
    hides_length: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class FileServer:
    """Serves `content` at every path; as an HTTP proxy, for every host too.

    Attributes:
        content: what is served; the ETag follows it.
        seen: the requests so far.
    """

    def __init__(self, content: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.content = content
        self.faults = Faults()
        self.seen: list[Seen] = []
        self._server = _Server(self, tls)
        self.url = f"{self._server.url}/model.onnx"

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content).hexdigest()

    @property
    def sent_bytes(self) -> int:
        """Of bodies, all requests together."""
        return sum(request.sent_bytes for request in self.seen)

    @property
    def ranges(self) -> list[str | None]:
        """The range that each request asked for."""
        return [request.headers.get("Range") for request in self.seen]

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.faults.let_go.set()
        self._server.__exit__(kind, error, traceback)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        seen = Seen(self.path, dict(self.headers))
        self.server.files.seen.append(seen)
        self.close_connection = True
        faults = self.server.files.faults
        if faults.location and "moved" not in urlsplit(self.path).path:
            self._head(302, {"Location": faults.location, "Content-Length": "0"})
        elif faults.status:
            self._head(faults.status, {"Content-Length": "0"})
        else:
            self._send_file(seen)

    def _send_file(self, seen: Seen) -> None:
        files = self.server.files
        content, faults = files.content, files.faults
        headers = {"ETag": f'"{files.md5}"'}
        start = self._start(headers["ETag"])
        body = content[start:]
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if faults.hides_length:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(len(body))
        cut_at = faults.cut_at_bytes.pop(0) if faults.cut_at_bytes else None
        self._head(206 if start else 200, {**headers, **faults.headers})
        self._send_body(body[:cut_at], seen)
        if faults.hides_length and cut_at is None:
            self.wfile.write(b"0\r\n\r\n")

    def _send_body(self, body: bytes, seen: Seen) -> None:
        faults = self.server.files.faults
        for start in range(0, len(body), _CHUNK_BYTES):
            if faults.hold_at_bytes is not None and seen.sent_bytes >= faults.hold_at_bytes:
                faults.let_go.wait()
            chunk = body[start : start + _CHUNK_BYTES]
            frame = b"%x\r\n%s\r\n" % (len(chunk), chunk) if faults.hides_length else chunk
            try:
                self.wfile.write(frame)
            except OSError:
                return
            seen.sent_bytes += len(chunk)

    def _start(self, etag: str) -> int:
        """Where the answer begins: at 0 unless the client has this very version's beginning."""
        asked = self.headers.get("Range", "")
        if (
            not asked
            or self.server.files.faults.ignores_range
            or self.headers.get("If-Range") != etag
        ):
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Keeps the output of the tests clean."""


class _Server(TestServer):
    """Knows whose file it serves."""

    def __init__(self, files: FileServer, tls: ssl.SSLContext | None) -> None:
        super().__init__(_Handler, tls)
        self.files = files
