"""JSON of every kind: any value comes back as it was, and what is no JSON is refused."""

import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.http_client import JSON_TYPE
from support.in_process import FORM_TYPE, BridgeOnFolder, form

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
def test_any_json_comes_back_unchanged(
    bridge: BridgeOnFolder, data: object, result: object
) -> None:
    """Half surrogate pairs too: text is kept as the escapes that JSON has for it."""
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


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary() | st.text().map(str.encode) | any_json.map(lambda v: json.dumps(v).encode())
)
def test_no_body_makes_the_server_fail(bridge: BridgeOnFolder, body: bytes) -> None:
    for path in ("take", f"complete/{uuid.uuid4()}", f"progress/{uuid.uuid4()}"):
        assert bridge.post_text(f"tasks/{path}", body).status in (400, 404)
    assert bridge.call("POST", "/api/tasks/add", form(body), FORM_TYPE).status == 400
    assert bridge.call("POST", "/api/tasks/add", body, FORM_TYPE).status == 400
