"""What is refused, and with which status: unknown tasks and malformed calls."""

import http.client

import pytest

from support.contract import NOBODY, V2, Bridge

CALLS_BY_ID = ("status", "result", "details", "file", "restart")


@pytest.mark.parametrize("call", CALLS_BY_ID)
def test_an_unknown_task_is_a_404(bridge: Bridge, call: str) -> None:
    if bridge.release == V2 and call == "file":
        with pytest.raises(http.client.RemoteDisconnected):
            bridge.get(f"tasks/file/{NOBODY}/")
        return
    assert bridge.get(f"tasks/{call}/{NOBODY}/").status == 404


def test_changes_of_an_unknown_task_are_404(bridge: Bridge) -> None:
    assert bridge.post(f"tasks/progress/{NOBODY}/", {"progress": "1"}).status == 404
    assert bridge.post(f"tasks/complete/{NOBODY}/", {"result": {}}).status == 404
    assert bridge.delete(f"tasks/remove/{NOBODY}/").status == 404


def test_a_form_that_makes_no_sense_is_a_400_with_a_reason(bridge: Bridge) -> None:
    bridge.only_embedded("a broken form is a 400")
    for form in (
        None,
        b"{broken",
        b"null",
        b"[]",
        b"{}",
        b'{"type": ""}',
        b'{"type": 1}',
        b'{"type": null}',
        b'{"type": "\\ud800"}',
        b'{"type": "a", "data": NaN}',
        b'{"type": "a", "data": 1e999}',
        b'{"type": "a", "requirements": [1]}',
        b'{"type": "\xff"}',
    ):
        answer = bridge.add_form(form)
        assert answer.status == 400, form
        assert isinstance(answer.json()["error"], str)


def test_a_json_call_that_makes_no_sense_is_a_400_with_a_reason(
    bridge: Bridge, task_type: str
) -> None:
    bridge.only_embedded("broken JSON is a 400")
    task_id = bridge.add({"type": task_type})
    wrong: dict[str, tuple[bytes, ...]] = {
        "tasks/take/": (b"{}", b'{"type": 7}', b'{"type": "a", "abilities": 1}', b"[1]", b""),
        f"tasks/progress/{task_id}/": (b"{}", b'{"progress": "abc"}', b'{"progress": -1}'),
        f"tasks/complete/{task_id}/": (b"{broken", b'"text"', b'{"result": Infinity}'),
    }
    for path, bodies in wrong.items():
        for body in bodies:
            answer = bridge.post_text(path, body)
            assert answer.status == 400, (path, body)
            assert isinstance(answer.json()["error"], str)
    assert bridge.get(f"tasks/status/{task_id}/").json() == {"status": "open"}


def test_other_content_types_are_a_400(bridge: Bridge) -> None:
    bridge.only_embedded("other content types are a 400")
    headers = {"Content-Type": "text/plain"}
    for path in ("tasks/add/", "tasks/take/", f"tasks/complete/{NOBODY}/"):
        answer = bridge.call("POST", f"/api/{path}", b'{"type": "a"}', headers)
        assert answer.status == 400, path
        assert "send" in answer.json()["error"]


def test_an_unknown_call_is_a_404_in_json(bridge: Bridge) -> None:
    bridge.only_embedded("unknown calls answer in JSON")
    answer = bridge.get("tasks/nosuchcall/")
    assert answer.status == 404
    assert isinstance(answer.json()["error"], str)
