"""A port that the system keeps though nobody listens on it."""

import socket
import struct

from support.programs import free_port


class HeldPort:
    """A port that an outgoing connection has, and that nobody listens on."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connection = socket.socket()
        self._connection.bind(("127.0.0.1", self.port))
        self._connection.connect(self._server.getsockname())

    def close(self) -> None:
        """Ends the connection so that the system remembers nothing of it."""
        if self._connection.fileno() == -1:
            return
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()
        self._server.close()

    def close_first(self) -> None:
        """Ends it so that the system keeps the port for a minute."""
        accepted, _ = self._server.accept()
        self._connection.shutdown(socket.SHUT_WR)
        accepted.recv(1)
        accepted.close()
        self._connection.recv(1)
        self._connection.close()
        self._server.close()
