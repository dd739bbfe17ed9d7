"""Bodies: every JSON value comes back as it was, and what is broken is refused."""

import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.http_client import JSON_TYPE
from support.in_process import FORM_TYPE, BridgeOnFolder, form
from support.waiting import wait_until

any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=any_json, result=any_json)
def test_any_json_comes_back_unchanged(
    bridge: BridgeOnFolder, data: object, result: object
) -> None:
    """Half surrogate pairs too: strings are stored with JSON's escapes."""
    json_text = json.dumps({"type": "t", "data": data}).encode()
    answer = bridge.add_form(form(json_text))
    task_id = answer.json()["id"]
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": result}).status == 200
    details = bridge.get(f"tasks/details/{task_id}/").json()
    # As text, since Python finds 1, 1.0 and True equal.
    assert json.dumps(details["data"]) == json.dumps(data)
    assert json.dumps(details["result"]) == json.dumps(result)


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
def test_json_that_is_none_is_a_400_in_every_call(bridge: BridgeOnFolder, value: bytes) -> None:
    task_id = bridge.add()
    wrong = b'{"type": "t", "data": ' + value + b"}"
    for path, headers, body in (
        ("add", FORM_TYPE, form(wrong, b"picture")),
        ("add", FORM_TYPE, form(b'{"type": "t", "requirements": {"a": ' + value + b"}}")),
        (f"complete/{task_id}", JSON_TYPE, b'{"result": ' + value + b"}"),
    ):
        answer = bridge.call("POST", f"/api/tasks/{path}", body, headers)
        assert answer.status == 400, path
        assert isinstance(answer.json()["error"], str)
    assert bridge.files() == []
    assert bridge.get(f"tasks/result/{task_id}").json() == {}


@pytest.mark.parametrize("progress", [b"true", b"null", b"1.5", b"-1", b'"-1"', b'"1.5"', b'""'])
def test_progress_that_is_no_digits_is_a_400(bridge: BridgeOnFolder, progress: bytes) -> None:
    task_id = bridge.add()
    for value in (progress, b'"\\u0661"', b"1e300", b"9" * 4000, b"[1]", b'" 1"'):
        body = b'{"progress": ' + value + b"}"
        assert bridge.post_text(f"tasks/progress/{task_id}", body).status == 400


def test_a_requirement_too_deep_for_a_take_holds_up_nobody(bridge: BridgeOnFolder) -> None:
    for depth in range(850, 1000, 5):
        deep = b'{"type": "t", "requirements": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
        assert bridge.add_form(form(deep)).status in (200, 400)
    task_id = bridge.add()
    abilities = json.loads("[" * 800 + "]" * 800)
    wanted = {"type": "t", "worker": "w", "abilities": {"a": abilities}}
    answer = bridge.post("tasks/take/", wanted)
    assert (answer.status, answer.json()["id"]) == (200, task_id)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary() | st.text().map(str.encode) | any_json.map(lambda v: json.dumps(v).encode())
)
def test_no_body_makes_the_server_fail(bridge: BridgeOnFolder, body: bytes) -> None:
    for path in ("take", f"complete/{uuid.uuid4()}", f"progress/{uuid.uuid4()}"):
        assert bridge.post_text(f"tasks/{path}", body).status in (400, 404)
    assert bridge.call("POST", "/api/tasks/add", form(body), FORM_TYPE).status == 400
    assert bridge.call("POST", "/api/tasks/add", body, FORM_TYPE).status == 400


# Broken requests and forms


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
def test_a_body_that_breaks_the_rules_of_http_is_a_400(bridge: BridgeOnFolder, path: str) -> None:
    content_type = (FORM_TYPE if path == "add" else JSON_TYPE)["Content-Type"]
    body = b"5\r\n--b\r\n\r\nnot a size\r\n"
    head = (
        f"POST /api/tasks/{path}/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    )
    head += "Transfer-Encoding: chunked\r\n"
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


@pytest.mark.parametrize("key", ["type", "worker"])
def test_names_have_a_limit(bridge: BridgeOnFolder, key: str) -> None:
    wanted = {"type": "t", "worker": "w"}
    assert bridge.post("tasks/take/", {**wanted, key: "x" * 200}).status == 404
    assert bridge.post("tasks/take/", {**wanted, key: "x" * 201}).status == 400
