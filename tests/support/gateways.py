"""What labs put between worker and bridge: a TLS front that asks who is there, and a proxy."""

import contextlib
import http.client
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from support.tls_server import TestServer
from support.waiting import LONG_S


class TlsFront(TestServer):
    """Passes requests on to a bridge if they have the right `Authorization`.

    Attributes:
        refused: how many requests had another one, or none.
    """

    def __init__(self, bridge_url: str, authorization: str, tls: ssl.SSLContext) -> None:
        super().__init__(_FrontHandler, tls)
        self.netloc = urlsplit(bridge_url).netloc
        self.authorization = authorization
        self.refused = 0


class _FrontHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TlsFront

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != self.server.authorization:
            self.server.refused += 1
            self._answer(401, b"who are you?")
            return
        bridge = http.client.HTTPConnection(self.server.netloc, timeout=LONG_S)
        with contextlib.closing(bridge):
            kind = self.headers.get("Content-Type")
            bridge.request(self.command, self.path, body, {"Content-Type": kind} if kind else {})
            answer = bridge.getresponse()
            self._answer(answer.status, answer.read())

    do_POST = do_DELETE = do_GET  # noqa: N815 - named by the base class

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the tests' output is for people."""


class ConnectProxy(TestServer):
    """An HTTP proxy that opens tunnels.

    Attributes:
        heads: the request line and headers of each question for a tunnel.
        status: what it answers.
    """

    def __init__(self) -> None:
        super().__init__(_ConnectHandler)
        self.heads: list[str] = []
        self.status = 200


class _ConnectHandler(BaseHTTPRequestHandler):
    server: ConnectProxy

    def do_CONNECT(self) -> None:
        self.server.heads.append(f"{self.requestline}\n{self.headers}")
        self.send_response(self.server.status)
        self.end_headers()
        if self.server.status != 200:
            return
        host, _, port = self.path.rpartition(":")
        # Names that only the proxy can resolve, as this machine is never called through one.
        host = "127.0.0.1" if host.endswith(".example") else host
        with socket.create_connection((host, int(port))) as there:
            back = threading.Thread(target=_copy, args=(there, self.connection))
            back.start()
            _copy(self.connection, there)
            back.join()

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the tests' output is for people."""


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
