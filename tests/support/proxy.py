"""A network between worker and bridge that does harm on purpose."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class StallingProxy:
    """Passes bytes on, but holds back every request that has a certain text in its first line.

    Attributes:
        stalled: how many requests were held back so far.
    """

    def __init__(self, target_port: int, text: str) -> None:
        self._target = ("127.0.0.1", target_port)
        self._text = text.encode()
        self._let_go = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self.stalled = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._let_go.set()
        for each in self._sockets:
            # Wakes the thread that waits on it; closing alone does not.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _start(self, run: object, *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            self._start(self._pass_on, client, server, True)
            self._start(self._pass_on, server, client, False)

    def _pass_on(self, source: socket.socket, sink: socket.socket, holds_back: bool) -> None:
        try:
            while content := source.recv(65536):
                if holds_back and self._text in content.partition(b"\r\n")[0]:
                    self.stalled += 1
                    self._let_go.wait()
                sink.sendall(content)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
