"""The standard library's HTTP server, over TLS where a test wants that."""

import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class TestServer(ThreadingHTTPServer):
    """A server on a free port; as a context manager it runs, and ends when all answers have.

    Attributes:
        url: its root, without a slash at the end.
    """

    __test__ = False
    daemon_threads = False

    def __init__(
        self, handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._tls = tls
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls is not None:
            # The handshake is the handler's, so that it keeps no other client waiting.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of a client that hangs up or does not trust us."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
