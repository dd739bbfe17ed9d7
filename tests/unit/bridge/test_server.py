"""The embedded server as clients cannot see it: its folder, its limits, its death and its start."""

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskworker_classifyimage.bridge.server import BridgeServer, Limits, PortInUse
from taskworker_classifyimage.bridge.store import BridgeDataError, TaskStore

TIMEOUT_S = 30.0
JSON_TYPE = {"Content-Type": "application/json"}
FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=b"}

#: A server in a process of its own: prints its URL, then serves until it is killed.
SERVER_PROGRAM = """
import asyncio, sys
from pathlib import Path
from taskworker_classifyimage.bridge.server import BridgeServer

async def serve():
    server = BridgeServer("127.0.0.1", 0, Path(sys.argv[1]))
    await server.start()
    print(server.url, flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""

#: Takes over one connection until nothing is open, and prints the ids.
TAKER_PROGRAM = """
import http.client, json, sys

connection = http.client.HTTPConnection(sys.argv[1])
wanted = json.dumps({"type": "t", "worker": "w"})
while True:
    connection.request("POST", "/api/tasks/take/", wanted, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 404:
        break
    print(json.loads(body)["id"])
connection.close()
"""


@contextmanager
def serving(folder: Path, limits: Limits | None = None, port: int = 0) -> Iterator[str]:
    """Run a server in an event loop of its own; yields its URL."""
    server = BridgeServer("127.0.0.1", port, folder, limits=limits)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result(TIMEOUT_S)
            yield server.url
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(TIMEOUT_S)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as served:
        yield served


def call(
    url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def post(url: str, path: str, value: object) -> tuple[int, bytes]:
    return call(url, "POST", path, json.dumps(value).encode(), JSON_TYPE)


def form(json_text: bytes, file: bytes | None = None, file_name: str = "a.jpg") -> bytes:
    body = b'--b\r\nContent-Disposition: form-data; name="json"\r\n\r\n' + json_text
    if file is not None:
        body += b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="'
        body += file_name.encode() + b'"\r\n\r\n' + file
    return body + b"\r\n--b--\r\n"


def add(url: str, file: bytes | None = None, file_name: str = "a.jpg") -> str:
    body = form(b'{"type": "t"}', file, file_name)
    status, answer = call(url, "POST", "/api/tasks/add/", body, FORM_TYPE)
    assert status == 200, answer
    task_id = json.loads(answer)["id"]
    assert isinstance(task_id, str)
    return task_id


def take(url: str) -> str | None:
    status, answer = post(url, "/api/tasks/take/", {"type": "t", "worker": "w"})
    return str(json.loads(answer)["id"]) if status == 200 else None


def listed(url: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = json.loads(call(url, "GET", "/api/tasks/list/")[1])
    return tasks


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "files").iterdir())


def wait_until(condition: Any) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.01)


# Start and stop


def test_tasks_and_files_outlive_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        task_id = add(url, b"picture")
        before = listed(url)
    with serving(tmp_path) as url:
        assert listed(url) == before
        assert call(url, "GET", f"/api/tasks/file/{task_id}/") == (200, b"picture")


def test_the_real_port_is_known_only_after_the_start(tmp_path: Path) -> None:
    async def urls() -> tuple[str, str]:
        server = BridgeServer("127.0.0.1", 0, tmp_path)
        before = server.url
        await server.start()
        started = server.url
        await server.stop()
        await server.stop()
        return before, started

    before, started = asyncio.run(urls())
    assert before == "http://127.0.0.1:0"
    assert urlsplit(started).port != 0


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:7"),
        ("", "http://127.0.0.1:7"),
        ("::", "http://[::1]:7"),
        ("::1", "http://[::1]:7"),
        ("lab.example", "http://lab.example:7"),
    ],
)
def test_the_url_is_one_that_this_machine_can_open(tmp_path: Path, host: str, url: str) -> None:
    assert BridgeServer(host, 7, tmp_path).url == url


def test_a_port_in_use_is_told_and_the_folder_let_go(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse) as raised:
            asyncio.run(BridgeServer("127.0.0.1", port, tmp_path).start())
    assert (raised.value.host, raised.value.port) == ("127.0.0.1", port)
    with serving(tmp_path) as url:
        assert listed(url) == []


def test_a_second_bridge_on_the_same_folder_is_refused(tmp_path: Path, url: str) -> None:
    task_id = add(url, b"picture")
    (tmp_path / "files" / f"{uuid.uuid4()}.part").touch()
    before = files(tmp_path)
    with pytest.raises(BridgeDataError, match="in use by another bridge"):
        asyncio.run(BridgeServer("127.0.0.1", 0, tmp_path).start())
    assert files(tmp_path) == before
    assert take(url) == task_id


def test_a_folder_of_files_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "files").touch()
    with pytest.raises(BridgeDataError, match="folder of files"):
        asyncio.run(BridgeServer("127.0.0.1", 0, tmp_path).start())


def test_files_without_a_task_are_removed_at_the_start(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        kept = add(url, b"picture")
        bare = add(url)
    for name in (bare, str(uuid.uuid4()), f"{uuid.uuid4()}.part"):
        (tmp_path / "files" / name).touch()
    with serving(tmp_path):
        assert files(tmp_path) == [kept]


# Many at once, and sudden death


def test_eight_processes_never_take_the_same_task(url: str) -> None:
    added = [add(url) for _ in range(200)]
    command = [sys.executable, "-c", TAKER_PROGRAM, urlsplit(url).netloc]
    takers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    taken = [task_id for taker in takers for task_id in taker.communicate(timeout=60)[0].split()]
    assert [taker.returncode for taker in takers] == [0] * 8
    assert sorted(taken) == sorted(added)


class AcknowledgedCalls:
    """A client that adds, takes and completes, and notes what the server has acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.added: list[str] = []
        self.taken: list[str] = []
        self.completed: list[str] = []
        self.to_remove: list[str] = []
        self.removed: list[str] = []

    @property
    def count(self) -> int:
        return len(self.added) + len(self.taken) + len(self.completed) + len(self.removed)

    def run(self) -> None:
        """Go on until the server is gone; every third task is left open."""
        try:
            for number in range(1_000_000):
                self.added.append(add(self._url, b"picture" * 1000))
                if number % 3 == 0:
                    continue
                task_id = take(self._url)
                assert task_id is not None
                self.taken.append(task_id)
                done = post(self._url, f"/api/tasks/complete/{task_id}/", {"result": task_id})
                assert done[0] == 200
                self.completed.append(task_id)
                if number % 3 == 1:
                    self.to_remove.append(task_id)
                    assert call(self._url, "DELETE", f"/api/tasks/remove/{task_id}/")[0] == 200
                    self.removed.append(task_id)
        except (OSError, http.client.HTTPException):
            return


def test_a_killed_server_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER_PROGRAM, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        clients = [AcknowledgedCalls(url) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            running = [threads.submit(client.run) for client in clients]
            wait_until(lambda: sum(client.count for client in clients) > 400)
            process.kill()
        for each in running:
            each.result()
    store = TaskStore(tmp_path / "tasks.sqlite3")
    store.open()
    try:
        assert_kept(store, tmp_path, clients)
    finally:
        store.close()


def assert_kept(store: TaskStore, folder: Path, clients: list[AcknowledgedCalls]) -> None:
    """What was done and not acknowledged may be there or not; the rest must be."""
    to_remove = {task_id for client in clients for task_id in client.to_remove}
    for client in clients:
        for task_id in client.removed:
            assert store.state(task_id) is None
        for task_id in set(client.added) - to_remove:
            assert store.state(task_id) is not None
            assert (folder / "files" / task_id).read_bytes() == b"picture" * 1000
        for task_id in set(client.taken) - to_remove:
            state = store.state(task_id)
            assert state is not None
            assert state.status in ("inprogress", "completed")
        for task_id in set(client.completed) - to_remove:
            details = store.details(task_id)
            assert details is not None
            assert (details.state.status, details.result) == ("completed", f'"{task_id}"')
    assert store.statistics()["t"] >= sum(len(client.completed) for client in clients)


def test_a_killed_server_leaves_a_folder_that_can_be_opened_at_once(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER_PROGRAM, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        task_id = add(process.stdout.readline().strip())
        process.kill()
    with serving(tmp_path) as url:
        assert take(url) == task_id


# Limits


def test_a_file_over_the_limit_is_a_413_and_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(upload_bytes=1000)) as url:
        add(url, b"x" * 1000)
        body = form(b'{"type": "t"}', b"x" * 1001)
        status, answer = call(url, "POST", "/api/tasks/add/", body, FORM_TYPE)
        assert (status, json.loads(answer)) == (413, {"error": "more than 1000 bytes"})
        assert len(files(tmp_path)) == len(listed(url)) == 1


def test_what_announces_too_much_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(upload_bytes=1000, json_bytes=1000)) as url:
        for path, headers in (
            ("/api/tasks/add/", FORM_TYPE),
            (f"/api/tasks/complete/{uuid.uuid4()}/", JSON_TYPE),
            ("/api/tasks/take/", JSON_TYPE),
        ):
            length = {"Content-Length": "200000"}
            assert call(url, "POST", path, None, {**headers, **length})[0] == 413
        assert files(tmp_path) == []


def test_json_over_the_limit_is_a_413_however_it_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(json_bytes=1000, other_bytes=500)) as url:
        task_id = add(url)
        long_result = json.dumps({"result": "x" * 1000}).encode()
        for body in (long_result, iter([long_result[:400], long_result[400:]])):
            assert call(url, "POST", f"/api/tasks/complete/{task_id}", body, JSON_TYPE)[0] == 413
        assert post(url, f"/api/tasks/complete/{task_id}", {"result": "x" * 900})[0] == 200
        assert post(url, "/api/tasks/take", {"type": "t", "worker": "x" * 500})[0] == 413
        for json_text in (
            b'{"type": "t", "data": "' + b"x" * 1000 + b'"}',
            b'{"type": "t", "requirements": {"a": "' + b"x" * 500 + b'"}}',
        ):
            body_of_add = form(json_text, b"picture")
            assert call(url, "POST", "/api/tasks/add/", body_of_add, FORM_TYPE)[0] == 413
        assert files(tmp_path) == []


@pytest.mark.parametrize("key", ["type", "worker"])
def test_names_have_a_limit(url: str, key: str) -> None:
    wanted = {"type": "t", "worker": "w"}
    assert post(url, "/api/tasks/take/", {**wanted, key: "x" * 1000})[0] == 404
    assert post(url, "/api/tasks/take/", {**wanted, key: "x" * 1001})[0] == 400


# Uploads that go wrong


def test_an_aborted_upload_leaves_no_file(
    tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 0)) as client:
        head = "POST /api/tasks/add/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
        head += f"Content-Type: {FORM_TYPE['Content-Type']}\r\n\r\n"
        client.sendall(head.encode() + form(b'{"type": "t"}', b"x" * 2_000_000)[:-20])
        wait_until(lambda: files(tmp_path))
        assert files(tmp_path)[0].endswith(".part")
    wait_until(lambda: not files(tmp_path))
    assert listed(url) == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("path", ["add", "take"])
@pytest.mark.parametrize("sent_as", ["Transfer-Encoding: chunked", "Content-Encoding: gzip"])
def test_a_body_that_breaks_the_rules_of_http_is_a_400(
    tmp_path: Path, url: str, path: str, sent_as: str
) -> None:
    content_type = (FORM_TYPE if path == "add" else JSON_TYPE)["Content-Type"]
    body = b"5\r\n--b\r\n\r\nnot a size\r\n"
    head = f"POST /api/tasks/{path}/ HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
    head += f"{sent_as}\r\n"
    if "chunked" not in sent_as:
        head += f"Content-Length: {len(body)}\r\n"
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 0), TIMEOUT_S) as client:
        client.sendall(head.encode() + b"\r\n" + body)
        assert b" 400 " in client.recv(1000).splitlines()[0]
    assert files(tmp_path) == []


BROKEN_FORMS = {
    "cut off in the file": form(b'{"type": "t"}', b"x" * 100)[:-20],
    "cut off in the boundary": form(b'{"type": "t"}', b"x" * 100)[:-5],
    "cut off in a header": form(b'{"type": "t"}', b"x")[:100],
    "no boundary": b"x" * 100,
    "nothing": b"",
    "no header": b"--b\r\n\r\nx\r\n--b--\r\n",
    "no json": form(b"").replace(b'"json"', b'"other"'),
    "two files": form(b'{"type": "t"}', b"x" + form(b"{}", b"y")[:-8]),
    "file under another name": form(b'{"type": "t"}', b"x").replace(b'"file"', b'"picture"'),
    "multipart in multipart": b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n",
    "nested without boundary": b"--b\r\nContent-Type: multipart/mixed\r\n\r\n--b--\r\n",
    "endless header": b"--b\r\nX: " + b"x" * 100_000 + b"\r\n\r\n--b--\r\n",
    "many headers": b"--b\r\n" + b"X: y\r\n" * 1000 + b"\r\n\r\n--b--\r\n",
    "bad header": b"--b\r\nnot a header\r\n\r\nx\r\n--b--\r\n",
    "bad charset": b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n'
    + b"x" * 90
    + b"\r\n--b--\r\n",
    "file and broken json": form(b"{broken", b"picture"),
    "file and no type": form(b"{}", b"picture"),
}


@pytest.mark.parametrize("body", BROKEN_FORMS.values(), ids=BROKEN_FORMS.keys())
def test_a_broken_form_is_a_400_and_leaves_nothing(tmp_path: Path, url: str, body: bytes) -> None:
    status, answer = call(url, "POST", "/api/tasks/add/", body, FORM_TYPE)
    assert status == 400, answer
    assert isinstance(json.loads(answer)["error"], str)
    assert files(tmp_path) == []
    assert listed(url) == []


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_a_400(url: str, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert call(url, "POST", "/api/tasks/add/", form(b'{"type": "t"}'), headers)[0] == 400


def test_a_form_of_a_browser_may_have_an_empty_file_field(tmp_path: Path, url: str) -> None:
    task_id = add(url, b"", file_name="")
    assert files(tmp_path) == []
    assert call(url, "GET", f"/api/tasks/file/{task_id}/")[0] == 404


@pytest.mark.parametrize("file_name", ["../../evil", "..\\evil", "/etc/evil", "a.part", "CON"])
def test_the_clients_file_name_names_no_file(tmp_path: Path, url: str, file_name: str) -> None:
    task_id = add(url, b"x", file_name)
    assert files(tmp_path) == [task_id]
    everything = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in everything if not name.startswith("tasks.sqlite3")} == {task_id}


@pytest.mark.parametrize(
    "task_id",
    ["..%2f..%2ftasks.sqlite3", "..%2ftasks.sqlite3", "%2e%2e", "..%5ctasks", "%00", "%ff", "%C3"],
)
def test_no_id_leads_out_of_the_folder(url: str, task_id: str) -> None:
    for method, path in (("GET", "file"), ("DELETE", "remove"), ("GET", "details")):
        assert call(url, method, f"/api/tasks/{path}/{task_id}")[0] == 404


def test_removing_a_task_removes_its_file(tmp_path: Path, url: str) -> None:
    task_id = add(url, b"picture")
    assert files(tmp_path) == [task_id]
    assert call(url, "DELETE", f"/api/tasks/remove/{task_id}/")[0] == 200
    assert files(tmp_path) == []


def test_a_file_that_somebody_deleted_is_a_404(tmp_path: Path, url: str) -> None:
    task_id = add(url, b"picture")
    (tmp_path / "files" / task_id).unlink()
    assert call(url, "GET", f"/api/tasks/file/{task_id}/")[0] == 404
    assert call(url, "DELETE", f"/api/tasks/remove/{task_id}/")[0] == 200


# JSON of every kind


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"1" * 5000,
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"'x'",
        b"",
        b"01",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_json_that_is_none_is_a_400_in_every_call(tmp_path: Path, url: str, value: bytes) -> None:
    task_id = add(url)
    wrong = b'{"type": "t", "data": ' + value + b"}"
    for path, headers, body in (
        ("add", FORM_TYPE, form(wrong, b"picture")),
        ("add", FORM_TYPE, form(b'{"type": "t", "requirements": {"a": ' + value + b"}}")),
        (f"complete/{task_id}", JSON_TYPE, b'{"result": ' + value + b"}"),
    ):
        status, answer = call(url, "POST", f"/api/tasks/{path}", body, headers)
        assert status == 400, path
        assert isinstance(json.loads(answer)["error"], str)
    assert files(tmp_path) == []
    assert json.loads(call(url, "GET", f"/api/tasks/result/{task_id}")[1]) == {}


@pytest.mark.parametrize("progress", [b"true", b"null", b"1.5", b"-1", b'"-1"', b'"1.5"', b'""'])
def test_progress_that_is_no_digits_is_a_400(url: str, progress: bytes) -> None:
    task_id = add(url)
    for value in (progress, b'"\\u0661"', b"1e300", b"9" * 4000, b"[1]", b'" 1"'):
        body = b'{"progress": ' + value + b"}"
        assert call(url, "POST", f"/api/tasks/progress/{task_id}", body, JSON_TYPE)[0] == 400


def test_a_requirement_too_deep_for_a_take_holds_up_nobody(url: str) -> None:
    for depth in range(850, 1000, 5):
        deep = b'{"type": "t", "requirements": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
        assert call(url, "POST", "/api/tasks/add/", form(deep), FORM_TYPE)[0] in (200, 400)
    task_id = add(url)
    abilities = json.loads("[" * 800 + "]" * 800)
    wanted = {"type": "t", "worker": "w", "abilities": {"a": abilities}}
    status, answer = post(url, "/api/tasks/take/", wanted)
    assert (status, json.loads(answer)["id"]) == (200, task_id)


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=any_json, result=any_json)
def test_any_json_comes_back_unchanged(url: str, data: object, result: object) -> None:
    """Half surrogate pairs too: text is kept as the escapes that JSON has for it."""
    json_text = json.dumps({"type": "t", "data": data}).encode()
    answer = call(url, "POST", "/api/tasks/add/", form(json_text), FORM_TYPE)
    task_id = json.loads(answer[1])["id"]
    assert post(url, f"/api/tasks/complete/{task_id}/", {"result": result})[0] == 200
    details = json.loads(call(url, "GET", f"/api/tasks/details/{task_id}/")[1])
    # As text, since Python finds 1, 1.0 and True equal.
    assert json.dumps(details["data"]) == json.dumps(data)
    assert json.dumps(details["result"]) == json.dumps(result)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary() | st.text().map(str.encode) | any_json.map(lambda v: json.dumps(v).encode())
)
def test_no_body_makes_the_server_fail(url: str, body: bytes) -> None:
    for path in ("take", f"complete/{uuid.uuid4()}", f"progress/{uuid.uuid4()}"):
        assert call(url, "POST", f"/api/tasks/{path}", body, JSON_TYPE)[0] in (400, 404)
    assert call(url, "POST", "/api/tasks/add", form(body), FORM_TYPE)[0] == 400
    assert call(url, "POST", "/api/tasks/add", body, FORM_TYPE)[0] == 400


def test_a_fault_of_the_server_tells_the_client_nothing(
    tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "files").rmdir()
    status, answer = call(url, "POST", "/api/tasks/add/", form(b'{"type": "t"}', b"x"), FORM_TYPE)
    assert (status, json.loads(answer)) == (500, {"error": "internal error"})
    assert "bridge.failed call='/api/tasks/add/'" in caplog.text
    assert listed(url) == []


def test_a_long_list_is_whole(tmp_path: Path) -> None:
    store = TaskStore(tmp_path / "tasks.sqlite3")
    store.open()
    assert store._database is not None
    store._database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
        " INSERT INTO tasks (id, type, has_file, createdat, requirements)"
        " SELECT i, 't', 0, 0, '' FROM n"
    )
    store.close()
    with serving(tmp_path) as url:
        assert [int(task["id"]) for task in listed(url)] == list(range(1, 2501))


# Pages


@pytest.mark.parametrize("path", ["/", "/doc/api", "/doc/api/"])
def test_a_page_needs_nothing_from_elsewhere_and_allows_nothing(url: str, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    style = text.split("<style>")[1].split("</style>")[0]
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "prefers-color-scheme: dark" in style
    assert not [tag for tag in ("src=", "<script", 'href="http', "style=", "{{") if tag in text]
    assert f"http://{urlsplit(url).netloc}/api/tasks/add/" in text


def test_the_pages_lead_to_each_other_and_show_every_call(url: str) -> None:
    assert b'href="/doc/api"' in call(url, "GET", "/")[1]
    text = call(url, "GET", "/doc/api")[1].decode()
    assert 'href="/"' in text
    for name in ("add", "take", "file", "progress", "complete", "restart", "status", "result"):
        assert f"<code>/api/tasks/{name}/" in text
    for name in ("details", "list", "remove", "statistics", "workerstatistics"):
        assert f"<code>/api/tasks/{name}/" in text
    assert "<code>/api/workers/list/" in text
    assert "<code>/api/version" in text


@pytest.mark.parametrize("host", ["<script>", "a&b", "x'y", "$(reboot)", "a;b", "[::1"])
def test_a_host_that_is_none_is_not_shown(url: str, host: str) -> None:
    status, body = call(url, "GET", "/", None, {"Host": host})
    assert host.encode() not in body.split(b"<header>")[-1]
    assert status in (200, 400)


def test_a_start_and_a_stop_leave_nothing_open(tmp_path: Path) -> None:
    program = SERVER_PROGRAM.replace("await asyncio.Event().wait()", "await server.stop()")
    environ = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        capture_output=True,
        check=False,
        env=environ,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
