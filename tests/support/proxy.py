"""A network between worker and bridge that does harm on purpose, one call at a time.

What happens to a call is a function of its `Exchange`, so a test says it in a line. The proxy also
keeps the books: what the bridge gave and what it was told, whatever the worker knows of it.
"""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from support.raw_http import read_request, whole_answer
from support.waiting import LONG_S


class Cut(Exception):
    """This exchange is over, and its connection with it."""


class Exchange:
    """One request of a worker, and what may be done with it.

    Attributes:
        step: the call's name, such as "take" or "file"; "workers" for the workers' list.
        request: the whole request as it came.
        number: how many requests came before it, over all connections.
    """

    def __init__(self, proxy: "FaultyProxy", worker: socket.socket, request: bytes) -> None:
        self._proxy = proxy
        self._worker = worker
        self.request = request
        self._line, _, rest = request.partition(b"\r\n")
        self.head, _, self.body = rest.partition(b"\r\n\r\n")
        self.method, path, _ = self._line.decode("latin-1").split(" ")
        self.path = urlsplit(path).path
        parts = self.path.split("/")
        self.step = "workers" if parts[2] == "workers" else parts[3]
        self.task_id = parts[4] if len(parts) > 5 else ""
        self.number = proxy.note(self.step)

    def forward(self, query: str = "") -> bytes:
        """Lets the bridge do it; gives its whole answer, which the worker has not seen yet."""
        connection = http.client.HTTPConnection(self._proxy.target, timeout=LONG_S)
        try:
            kind = re.search(rb"(?im)^content-type: *([^\r\n]+)", self.head)
            headers = {"Content-Type": kind[1].decode("latin-1")} if kind else {}
            connection.request(self.method, self.path + query, self.body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            # The bridge itself is away; the worker sees what it would see without a proxy.
            raise Cut from None
        finally:
            connection.close()
        self._proxy.enter(self, answer.status, content)
        return whole_answer(answer.status, content, *self._proxy.told)

    def forward_part(self, size: int) -> None:
        """Gives the bridge the beginning of the request and then hangs up on it."""
        host, _, port = self._proxy.target.partition(":")
        with (
            contextlib.suppress(OSError),
            socket.create_connection((host, int(port)), LONG_S) as bridge,
        ):
            bridge.sendall(self.request[:size])
            time.sleep(0.05)

    def answer(self, content: bytes) -> None:
        """Sends bytes to the worker."""
        self._worker.sendall(content)

    def cut(self) -> None:
        """Hangs up on the worker."""
        raise Cut

    def hang(self) -> None:
        """Leaves the worker without an answer until it gives up."""
        self._worker.settimeout(LONG_S)
        self._worker.recv(1)
        raise Cut


#: What happens to a call; None: nothing out of the ordinary.
Fault = Callable[[Exchange], None]


def pass_on(exchange: Exchange) -> None:
    """What a good network does."""
    exchange.answer(exchange.forward())


class FaultyProxy:
    """Stands between workers and a bridge.

    Attributes:
        told: the header that says what the bridge can do beyond the protocol, if the proxy is open.
            Not that takes may wait there: one whose worker has gone would go on waiting here.
        is_down: while it is True, connections are closed as soon as they are made.
        arrivals_s: `time.monotonic()` of each request, and of each connection while it is down.
        taken: how often the bridge gave each task.
        completed: the results that the bridge took, by task.
    """

    def __init__(
        self,
        target_url: str,
        choose: Callable[[Exchange], Fault | None],
        port: int = 0,
        *,
        is_open: bool = False,
    ) -> None:
        self.told = ["TaskBridge-Extensions: lease, batch"] if is_open else []
        self.target = urlsplit(target_url).netloc
        self._choose = choose
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._is_over = False
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.is_down = False
        self.arrivals_s: list[float] = []
        self.steps: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.completed: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        # Wakes the threads that wait on them; closing alone does not.
        with self._lock:
            for each in (self._listener, *self._sockets):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def go_down(self) -> None:
        """Cuts all connections and closes each new one."""
        self.is_down = True
        with self._lock:
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def note(self, step: str) -> int:
        """A request has come."""
        with self._lock:
            self.arrivals_s.append(time.monotonic())
            self.steps[step] += 1
            return len(self.arrivals_s) - 1

    def enter(self, exchange: Exchange, status: int, content: bytes) -> None:
        """The bridge has answered."""
        if status != 200:
            return
        with self._lock:
            if exchange.step == "take":
                self.taken.update(task["id"] for task in _tasks_in(content))
            elif exchange.step == "complete":
                for task_id, result in _results_in(exchange, content):
                    self.completed.setdefault(task_id, []).append(result)

    def _accept(self) -> None:
        while True:
            try:
                worker, _ = self._listener.accept()
            except OSError:
                return
            if self.is_down:
                with self._lock:
                    self.arrivals_s.append(time.monotonic())
                worker.close()
                continue
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=self._serve, args=(worker,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, worker: socket.socket) -> None:
        with worker, contextlib.suppress(OSError, Cut):
            worker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets.add(worker)
                if self.is_down:
                    # It was accepted a moment before.
                    worker.shutdown(socket.SHUT_RDWR)
            try:
                while (request := read_request(worker)) and not self._is_over:
                    exchange = Exchange(self, worker, request)
                    (self._choose(exchange) or pass_on)(exchange)
            finally:
                with self._lock:
                    self._sockets.discard(worker)


def _tasks_in(content: bytes) -> list[dict[str, Any]]:
    """The tasks in the answer to a take of one or of several."""
    if not content[:1].isdigit():
        return [json.loads(content)]
    length, _, rest = content.partition(b"\n")
    tasks: list[dict[str, Any]] = json.loads(rest[: int(length)])
    return tasks


def _results_in(exchange: Exchange, content: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Id and result of each task that a report of one or of several has completed."""
    body = json.loads(exchange.body)
    if exchange.task_id:
        return [(exchange.task_id, body["result"])]
    statuses = json.loads(content)["statuses"]
    told = zip(body["results"], statuses, strict=True)
    return [(each["id"], each["result"]) for each, status in told if status == 200]
