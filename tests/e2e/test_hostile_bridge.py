import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler

from support.canned_server import http
from support.small_worker import any_picture, small_worker
from support.tls_server import TestServer
from support.waiting import LONG_S

BOMB = gzip.compress(bytes(50_000_000))
NESTED = b"[" * 5_000 + b"]" * 5_000

#: What takes are answered with, one after the other; between them, that there is nothing to do.
TAKES = (
    b"",
    b"\x00\x01\x02",
    http(200, b"<html>sign in</html>"),
    http(200, b'{"id": "\xff"}'),
    http(200, b"[" * 100_000),
    http(200, BOMB, "Content-Encoding: gzip"),
    http(200, b'{"id": {"id": "a"}}'),
    http(200, b'{"id": "\\ud800", "data": {}}'),
    http(200, json.dumps({"id": "x" * 100_000}).encode()),
    b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "a"}',
    http(302, b"", "Location: http://127.0.0.1:9/\x1b[2J"),
    http(500, b"Traceback (most recent call last):"),
)

#: An id and data as no honest client has them; the task is to be answered all the same.
ODD_ID = '../../x?y#z\n\x1b[2J"\u202e'
ODD_DATA = b'{"numberofpredictions": "1", "deep": ' + NESTED + b"}"


class HostileBridge(TestServer):
    """Hands out nonsense, then one task that is odd and can be done, and then nothing.

    Attributes:
        paths: what was asked for, as it came.
        results: by path, what was reported.
        done: set when there was a report.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        odd = b'{"id": %s, "data": %s}' % (json.dumps(ODD_ID).encode(), ODD_DATA)
        nothing = http(404)
        self.takes = [answer for take in TAKES for answer in (take, nothing)] + [http(200, odd)]
        self.paths: list[str] = []
        self.results: dict[str, dict[str, object]] = {}
        self.done = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: HostileBridge

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if "/list/" in self.path:
            # Left-over tasks that no call can be made for, and things that are no tasks.
            left = {"type": "classifyimage", "status": "inprogress", "worker": "w"}
            odd = [{**left, "id": odd} for odd in ("\ud800", "x" * 5000, 7, None)]
            forging = {**left, "id": "forging"}
            self._say(http(200, json.dumps([*odd, forging, 5, None, [], "task"]).encode()))
        elif "/details/forging/" in self.path:
            self._say(http(200, b'{"status": "gone\\na line that no one logged\\u001b[2J"}'))
        elif "/file/" in self.path:
            self._say(http(200, any_picture()))
        else:
            self._say(http(404))

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/take/" in self.path:
            self._say(self.server.takes.pop(0) if self.server.takes else http(404))
            return
        self.server.results[self.path] = json.loads(body)["result"]
        self._say(http(200, b"<html>OK</html>"))
        self.server.done.set()

    def _say(self, answer: bytes) -> None:
        self.close_connection = True
        self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the tests' output is for people."""


def test_each_hostile_answer_costs_a_line_at_most_and_the_worker_goes_on() -> None:
    """After a dozen of them it does the task that can be done, and its log is still a log."""
    with (
        HostileBridge() as bridge,
        small_worker(bridge.url, "w", "--log-level", "debug") as program,
    ):
        assert bridge.done.wait(LONG_S), program.printed
        assert program.stop() == 0
        log = program.printed
    quoted = "..%2F..%2Fx%3Fy%23z%0A%1B%5B2J%22%E2%80%AE".replace(".", "%2E")
    result = bridge.results[f"/api/tasks/complete/{quoted}/"]
    predictions = result["predictions"]
    assert isinstance(predictions, list)
    assert len(predictions) == 1
    assert log.count("is unavailable") == log.count("is back") <= len(TAKES)
    assert "Traceback" not in log
    assert all(line.isprintable() for line in log.splitlines())
    assert all(line[:2] == "20" for line in log.splitlines()), "a line that no one logged"
    assert not any(".." in path or "\ud800" in path for path in bridge.paths)
