"""Limits: files, JSON and names have one, a list has none."""

import json
import uuid
from pathlib import Path

import pytest

from support.http_client import JSON_TYPE
from support.in_process import FORM_TYPE, BridgeOnFolder, form, serving
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.store import TaskStore


def test_a_file_over_the_limit_is_a_413_and_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(upload_bytes=1000)) as bridge:
        bridge.add(b"x" * 1000)
        answer = bridge.add_form(form(b'{"type": "t"}', b"x" * 1001))
        assert (answer.status, answer.json()) == (413, {"error": "more than 1000 bytes"})
        assert len(bridge.files()) == len(bridge.listed()) == 1


def test_what_announces_too_much_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(upload_bytes=1000, json_bytes=1000)) as bridge:
        for path, headers in (
            ("/api/tasks/add/", FORM_TYPE),
            (f"/api/tasks/complete/{uuid.uuid4()}/", JSON_TYPE),
            ("/api/tasks/take/", JSON_TYPE),
        ):
            length = {"Content-Length": "200000"}
            assert bridge.call("POST", path, None, {**headers, **length}).status == 413
        assert bridge.files() == []


def test_json_over_the_limit_is_a_413_however_it_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(json_bytes=1000, other_bytes=500)) as bridge:
        task_id = bridge.add()
        long_result = json.dumps({"result": "x" * 1000}).encode()
        for body in (long_result, iter([long_result[:400], long_result[400:]])):
            assert bridge.post_text(f"tasks/complete/{task_id}", body).status == 413
        assert bridge.post(f"tasks/complete/{task_id}", {"result": "x" * 900}).status == 200
        assert bridge.post("tasks/take", {"type": "t", "worker": "x" * 500}).status == 413
        for json_text in (
            b'{"type": "t", "data": "' + b"x" * 1000 + b'"}',
            b'{"type": "t", "requirements": {"a": "' + b"x" * 500 + b'"}}',
        ):
            assert bridge.add_form(form(json_text, b"picture")).status == 413
        assert bridge.files() == []


@pytest.mark.parametrize("key", ["type", "worker"])
def test_names_have_a_limit(bridge: BridgeOnFolder, key: str) -> None:
    wanted = {"type": "t", "worker": "w"}
    assert bridge.post("tasks/take/", {**wanted, key: "x" * 1000}).status == 404
    assert bridge.post("tasks/take/", {**wanted, key: "x" * 1001}).status == 400


def test_a_long_list_is_whole(tmp_path: Path) -> None:
    store = TaskStore(tmp_path / "tasks.sqlite3")
    store.open()
    store._database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
        " INSERT INTO tasks (id, type, has_file, createdat, requirements)"
        " SELECT i, 't', 0, 0, '' FROM n"
    )
    store.close()
    with serving(tmp_path) as bridge:
        assert [int(task["id"]) for task in bridge.listed()] == list(range(1, 2501))
