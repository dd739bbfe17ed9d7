"""What the bridge logs of calls, and the end of connections of clients that wait for it."""

import logging
from pathlib import Path

import pytest

from support.in_process import BridgeOnFolder, form, serving
from taskworker_classifyimage.bridge_server.access import Access

TOKEN = "a:secret_with-signs~"


def refused(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if line.startswith("bridge.refused")]


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"Host": "evil.example"}, 421, "call this bridge as localhost"),
        ({"Origin": "http://evil.example"}, 403, "pages of http://evil.example may not call"),
    ],
)
def test_a_refusal_is_a_line_with_its_reason(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    status: int,
    reason: str,
) -> None:
    with serving(tmp_path) as bridge:
        assert bridge.call("GET", "/api/tasks/list/", None, headers).status == status
    [line] = refused(caplog)
    assert f"call='GET /api/tasks/list/' from=127.0.0.1 status={status}" in line
    assert reason in line


def test_a_wrong_token_and_a_large_body_are_lines_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, access=Access(TOKEN)) as bridge:
        bridge.call("GET", "/api/tasks/list/", None, {"Authorization": "Bearer wrong-secret"})
        right = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        bridge.call("POST", "/api/tasks/take/", b"x" * 200_000, right)
    assert ["status=401" in refused(caplog)[0], "status=413" in refused(caplog)[1]] == [True] * 2
    assert "wrong-secret" not in caplog.text
    assert TOKEN not in caplog.text


def test_many_refusals_do_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as bridge:
        for _ in range(200):
            bridge.call("GET", f"/api/tasks/list/{'x' * 2000}", None, {"Host": "evil.example"})
    assert len(refused(caplog)) == 60
    assert len(caplog.text) < 60 * 1000


def test_a_path_cannot_forge_a_line(
    bridge: BridgeOnFolder, caplog: pytest.LogCaptureFixture
) -> None:
    bridge.call("GET", "/api/%0Abridge.forged", None, {"Host": "evil.example"})
    [line] = refused(caplog)
    assert "\n" not in line


def test_calls_are_logged_at_debug(
    bridge: BridgeOnFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "taskworker_classifyimage"):
        bridge.get("tasks/list/")
        assert bridge.take() is None
    assert "bridge.call call='GET /api/tasks/list/' from=127.0.0.1 status=200" in caplog.text
    assert "bridge.call call='POST /api/tasks/take/' from=127.0.0.1 status=404" in caplog.text
    assert refused(caplog) == []


@pytest.mark.parametrize("path", ["tasks/take/", "tasks/list/", "nosuch"])
def test_a_client_that_reads_until_the_end_gets_it_at_once(
    bridge: BridgeOnFolder, path: str
) -> None:
    """The X-Tension's sockets send neither User-Agent nor Accept, and no `Connection: close`."""
    method = "POST" if path == "tasks/take/" else "GET"
    body = b'{"type": "t"}' if method == "POST" else b""
    lines = [
        f"{method} /api/{path} HTTP/1.1",
        f"Host: {bridge.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    with bridge.connect() as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert head.count(b"connection: close") == 1


@pytest.mark.parametrize("header", ["User-Agent: a", "Accept: */*"])
def test_a_client_with_an_http_library_keeps_its_connection(
    bridge: BridgeOnFolder, header: str
) -> None:
    call = f"GET /api/version/ HTTP/1.1\r\nHost: {bridge.netloc}\r\n{header}\r\n\r\n".encode()
    with bridge.connect() as connection:
        for _ in range(2):
            connection.sendall(call)
            answer = b""
            while not answer.endswith(b"1.3.0"):
                chunk = connection.recv(65536)
                assert chunk
                answer += chunk
            assert b"close" not in answer


def test_a_type_that_nobody_asks_for_is_hinted_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as bridge:
        bridge.add_form(form(b'{"type": "classifyImage"}'))
        assert caplog.messages == []
        bridge.post("tasks/take/", {"type": "classifyimage", "worker": "w"})
        bridge.add_form(form(b'{"type": "classifyimage"}'))
        assert caplog.messages == []
        for _ in range(3):
            bridge.add_form(form(b'{"type": "classifyImage"}'))
    assert caplog.messages == [
        "bridge.type_nobody_asks_for type='classifyImage': workers ask for 'classifyimage'"
    ]
