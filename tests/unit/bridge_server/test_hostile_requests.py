"""Requests that are broken or mean harm: each is refused, or does none, and leaves no file."""

import pytest

from support.http_client import JSON_TYPE
from support.in_process import FORM_TYPE, BridgeOnFolder, form
from support.waiting import wait_until


def test_an_aborted_upload_leaves_no_file(
    bridge: BridgeOnFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with bridge.connect() as client:
        head = "POST /api/tasks/add/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n"
        head += f"Content-Type: {FORM_TYPE['Content-Type']}\r\n\r\n"
        client.sendall(head.encode() + form(b'{"type": "t"}', b"x" * 2_000_000)[:-20])
        wait_until(bridge.files)
        assert bridge.files()[0].endswith(".part")
    wait_until(lambda: not bridge.files())
    assert bridge.listed() == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("path", ["add", "take"])
@pytest.mark.parametrize("sent_as", ["Transfer-Encoding: chunked", "Content-Encoding: gzip"])
def test_a_body_that_breaks_the_rules_of_http_is_a_400(
    bridge: BridgeOnFolder, path: str, sent_as: str
) -> None:
    content_type = (FORM_TYPE if path == "add" else JSON_TYPE)["Content-Type"]
    body = b"5\r\n--b\r\n\r\nnot a size\r\n"
    head = (
        f"POST /api/tasks/{path}/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    )
    head += f"{sent_as}\r\n"
    if "chunked" not in sent_as:
        head += f"Content-Length: {len(body)}\r\n"
    with bridge.connect() as client:
        client.sendall(head.encode() + b"\r\n" + body)
        assert b" 400 " in client.recv(1000).splitlines()[0]
    assert bridge.files() == []


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
def test_a_broken_form_is_a_400_and_leaves_nothing(bridge: BridgeOnFolder, body: bytes) -> None:
    answer = bridge.add_form(body)
    assert answer.status == 400, answer.body
    assert isinstance(answer.json()["error"], str)
    assert bridge.files() == []
    assert bridge.listed() == []


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_a_400(bridge: BridgeOnFolder, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert bridge.call("POST", "/api/tasks/add/", form(b'{"type": "t"}'), headers).status == 400


@pytest.mark.parametrize("file_name", ["../../evil", "..\\evil", "/etc/evil", "a.part", "CON"])
def test_the_clients_file_name_names_no_file(bridge: BridgeOnFolder, file_name: str) -> None:
    task_id = bridge.add(b"x", file_name)
    assert bridge.files() == [task_id]
    everything = {path.name for path in bridge.folder.rglob("*") if path.is_file()}
    assert {name for name in everything if not name.startswith("tasks.sqlite3")} == {task_id}


@pytest.mark.parametrize(
    "task_id",
    ["..%2f..%2ftasks.sqlite3", "..%2ftasks.sqlite3", "%2e%2e", "..%5ctasks", "%00", "%ff", "%C3"],
)
def test_no_id_leads_out_of_the_folder(bridge: BridgeOnFolder, task_id: str) -> None:
    for method, path in (("GET", "file"), ("DELETE", "remove"), ("GET", "details")):
        assert bridge.call(method, f"/api/tasks/{path}/{task_id}").status == 404
