"""A server that answers every request with the same bytes, right or wrong, and hangs up."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from support.raw_http import read_request, whole_answer


class CannedServer:
    """Answers every connection's first request.

    Attributes:
        answer: what it sends; of several pieces, each after `pause_s`.
        requests: what it was sent.
        connections: how many there were, those that ended in the handshake included.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer: bytes | Iterable[bytes] = b""
        self.pause_s = 0.05
        self.requests: list[str] = []
        self.connections = 0
        self._tls = tls
        self._is_over = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if self._is_over:
                    return
                self.connections += 1
                # A client that does not trust us, or has heard enough, hangs up.
                with contextlib.suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._speak(connection)
            return
        with self._tls.wrap_socket(connection, server_side=True) as secured:
            self._speak(secured)

    def _speak(self, connection: socket.socket) -> None:
        request = read_request(connection)
        if not request:
            return
        self.requests.append(request.decode("latin-1"))
        if isinstance(self.answer, bytes):
            connection.sendall(self.answer)
            return
        for piece in self.answer:
            connection.sendall(piece)
            # A client says nothing more, so there is something to read only when it hung up.
            if select.select([connection], [], [], self.pause_s)[0] or self._is_over:
                return


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """An answer as it should be, before it hangs up."""
    return whole_answer(status, body, "Connection: close", *headers)
