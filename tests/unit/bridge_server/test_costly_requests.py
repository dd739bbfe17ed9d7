"""Small requests that would cost the bridge much time or memory are refused."""

import gzip
import json
import socket
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.http_client import JSON_TYPE
from support.in_process import FORM_LINE, BridgeOnFolder, form, read_status, serving
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.workers import MOST_WORKERS, WorkerRoster

LARGE = "x" * 200_000


def add(bridge: BridgeOnFolder, **task: object) -> int:
    """Adds a task; returns the status."""
    return bridge.add_form(form(json.dumps({"type": "t", **task}).encode())).status


@pytest.mark.parametrize(
    ("requirements", "status"),
    [
        ({"key": "x" * 4000}, 200),
        ({"key": "x" * 4100}, 413),
        ({"key": LARGE}, 413),
        ({str(number): 1 for number in range(32)}, 200),
        ({str(number): 1 for number in range(33)}, 413),
        ({str(number): 1 for number in range(50_000)}, 413),
    ],
    ids=["4 kB", "more than 4 KiB", "200 kB", "32 keys", "33 keys", "50,000 keys"],
)
def test_requirements_are_small(
    bridge: BridgeOnFolder, requirements: dict[str, object], status: int
) -> None:
    """Every take compares them; 1,100 tasks with 100 kB each took 1.9 GB for good."""
    assert add(bridge, requirements=requirements) == status
    assert add(bridge, requirements=requirements, data=LARGE) == status
    assert len(bridge.listed()) == (2 if status == 200 else 0)


def test_there_are_only_so_many_different_requirements(tmp_path: Path) -> None:
    """A take looks at each set once; equal ones, and tasks without any, are always welcome."""
    with serving(tmp_path, Limits(requirements_sets=3)) as bridge:
        for number in (1, 2, 3, 1, 2, 3):
            assert add(bridge, requirements={"a": number}) == 200
        assert add(bridge, requirements={"a": 4}) == 503
        assert add(bridge) == 200
        assert add(bridge, type="other", requirements={"a": 4}) == 200


def test_large_requirements_of_an_older_release_are_taken_by_nobody(tmp_path: Path) -> None:
    """They are on disk, where they would cost each take its time."""
    with serving(tmp_path) as bridge:
        assert add(bridge, requirements={"a": 1}) == 200
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as old:
        old.execute("UPDATE tasks SET requirements = ?", (json.dumps({"a": "x" * 50_000}),))
        old.executescript(
            "DROP TRIGGER removed_failure; DROP TRIGGER reopened_failure; DROP TABLE failures;"
            "PRAGMA user_version = 4"
        )
    old.close()
    with serving(tmp_path) as bridge:
        assert bridge.take() is None
        details = bridge.get(f"tasks/details/{bridge.listed()[0]['id']}/").json()
        assert details["requirements"] == {"(requirements were too large)": True}


@pytest.mark.parametrize(
    ("data", "status"), [("x" * 15_000_000, 200), ("x" * 16_000_000, 413)], ids=["15 MB", "16 MB"]
)
def test_data_that_its_worker_would_refuse_is_refused_at_once(
    bridge: BridgeOnFolder, data: str, status: int
) -> None:
    """The client hears of it now, not from a failed task; other types have other workers."""
    assert add(bridge, type="classifyimage", data=data) == status
    assert add(bridge, type="transcribe", data=data) == 200


@pytest.mark.parametrize("parts", [16, 17, 30_000])
def test_a_form_has_few_parts(bridge: BridgeOnFolder, parts: int) -> None:
    """30,000 empty ones in 1.4 MB kept the bridge busy for five seconds."""
    empty = b'--limit\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    task = b'--limit\r\nContent-Disposition: form-data; name="json"\r\n\r\n{"type": "t"}\r\n'
    body = empty * (parts - 1) + task + b"--limit--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    answer = bridge.call("POST", "/api/tasks/add/", body, headers)
    assert answer.status == (200 if parts <= 16 else 400)
    assert parts <= 16 or "more than 16 parts" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [b"X: y\r\n" * 20, b"X: " + b"y" * 5000 + b"\r\n", b"X" * 70_000],
    ids=["many", "long", "endless"],
)
def test_a_part_has_few_and_short_headers(bridge: BridgeOnFolder, headers: bytes) -> None:
    body = b'--limit\r\nContent-Disposition: form-data; name="json"\r\n' + headers
    body += b'\r\n{"type": "t"}\r\n--limit--\r\n'
    sent = {"Content-Type": "multipart/form-data; boundary=limit"}
    assert bridge.call("POST", "/api/tasks/add/", body, sent).status == 400


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Half surrogate pairs too.
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=any_json)
def test_large_json_comes_back_unchanged(bridge: BridgeOnFolder, value: object) -> None:
    """It is not parsed to objects, which would take seconds and a gigabyte."""
    sent = {"large": LARGE, "value": value}
    answer = bridge.add_form(form(json.dumps({"type": "t", "data": sent}).encode()))
    assert answer.status == 200, answer.body
    task_id = answer.json()["id"]
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": sent}).status == 200
    details = bridge.get(f"tasks/details/{task_id}/").json()
    assert json.dumps(details["data"]) == json.dumps(details["result"]) == json.dumps(sent)


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 300_000,
        b'"\xff"',
        b"NaN",
        b"01",
        b"[1,]",
        b'"\x01"',
        b"'x'",
        b"1 2",
        b'"\\x"',
        b"{1:2}",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_large_json_that_is_none_is_a_400(bridge: BridgeOnFolder, value: bytes) -> None:
    """What is stored is given out again as it is, so nothing in it may be broken."""
    task_id = bridge.add()
    padding = f'"padding": "{LARGE}", '.encode()
    body = b'{"type": "t", "data": {' + padding + b'"value": ' + value + b"}}"
    assert bridge.add_form(form(body)).status == 400
    body = b'{"result": {' + padding + b'"value": ' + value + b"}}"
    assert bridge.call("POST", f"/api/tasks/complete/{task_id}/", body, JSON_TYPE).status == 400


def test_the_roster_has_an_end() -> None:
    """15,000 long names cost 234 MB for half an hour; one that works asks again at once."""
    roster = WorkerRoster()
    for number in range(MOST_WORKERS + 500):
        roster.note(f"liar {number}", "t", None)
        roster.note("honest", "t", None)
    listed = [worker.name for worker in roster.list_recent()]
    assert len(listed) == MOST_WORKERS
    assert "honest" in listed


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZip", "identity, gzip"])
def test_packed_bodies_are_refused(bridge: BridgeOnFolder, encoding: str) -> None:
    """497 kB became 500 MB; no client packs a picture."""
    packed = gzip.compress(json.dumps({"type": "t", "worker": "w"}).encode())
    headers = {**JSON_TYPE, "Content-Encoding": encoding}
    assert bridge.call("POST", "/api/tasks/take/", packed, headers).status == 415


def test_a_body_that_is_not_packed_may_say_so(bridge: BridgeOnFolder) -> None:
    body = json.dumps({"type": "t"}).encode()
    headers = {**JSON_TYPE, "Content-Encoding": "identity"}
    assert bridge.call("POST", "/api/tasks/take/", body, headers).status == 404


def ask_first(connection: socket.socket, bridge: BridgeOnFolder, path: str, *headers: str) -> int:
    """Sends a head that waits for permission; returns the status of the first answer."""
    connection.sendall(bridge.head(path, "Expect: 100-continue", *headers))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    return int(answer.split()[1])


def test_a_body_is_called_for_when_the_checks_have_passed(bridge: BridgeOnFolder) -> None:
    """As curl asks before it sends a picture."""
    headers = ("Content-Type: application/json", "Content-Length: 13")
    with bridge.connect() as connection:
        assert ask_first(connection, bridge, "tasks/take/", *headers) == 100
        connection.sendall(b'{"type": "t"}')
        assert read_status(connection) == 404


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("tasks/take/", ["Content-Type: application/json", "Content-Length: 9999999"], 413),
        ("tasks/add/", [FORM_LINE, "Content-Length: 9999999999"], 413),
        ("tasks/take/", ["Content-Type: text/plain", "Content-Length: 13"], 400),
        ("tasks/take/", ["Content-Encoding: gzip", "Content-Length: 13"], 415),
        ("tasks/take/", ["Origin: http://evil.example", "Content-Length: 13"], 403),
    ],
    ids=["too long", "too large a file", "no JSON", "packed", "a foreign page"],
)
def test_a_body_that_would_be_refused_is_not_called_for(
    bridge: BridgeOnFolder, path: str, headers: list[str], status: int
) -> None:
    """Hundreds of megabytes would be sent for nothing."""
    with bridge.connect() as connection:
        assert ask_first(connection, bridge, path, *headers) == status


def test_no_other_expectation_is_met(bridge: BridgeOnFolder) -> None:
    body = json.dumps({"type": "t"}).encode()
    headers = {**JSON_TYPE, "Expect": "the spanish inquisition"}
    assert bridge.call("POST", "/api/tasks/take/", body, headers).status == 417


def test_an_error_of_the_http_library_is_one_short_line_a_minute(
    bridge: BridgeOnFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """Its traceback for each call would let anybody fill the disk with the log."""
    for _ in range(20):
        with bridge.connect() as connection:
            # The library puts the value, which is no UTF-8, into its answer.
            connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nExpect: \x80\r\n\r\n")
            assert read_status(connection) == 500
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None
    assert len(caplog.text) < 1000


HEADERS = [
    *("Host", "Origin", "Content-Type", "Content-Encoding", "Authorization", "Range", "If-Range"),
    *("Expect", "Sec-Fetch-Site", "Accept", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded"),
]
ODD_VALUES = ["http://[", "http://]:", "[::1", "bytes=--", 'multipart/form-data; boundary="']
PATHS = ["POST /api/tasks/take/", "POST /api/tasks/add/", "GET /api/tasks/list/", "GET /"]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(HEADERS),
    value=st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=40)
    | st.sampled_from(ODD_VALUES),
    path=st.sampled_from([*PATHS, "GET /api/tasks/file/"]),
)
def test_no_header_makes_the_bridge_fail(
    bridge: BridgeOnFolder, name: str, value: str, path: str
) -> None:
    """Whatever a client sends there, it is no fault of the bridge's."""
    path += bridge.add(b"file") if path.endswith("file/") else ""
    lines = [f"{path} HTTP/1.1", "Content-Length: 0", "Connection: close", f"{name}: {value}"]
    if name != "Host":
        lines.append(f"Host: {bridge.netloc}")
    with bridge.connect() as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        assert read_status(connection) < 500
