"""The file of a task: it comes back byte for byte, and as nothing but bytes."""

import json
import os

import pytest

from support.contract import Bridge


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_a_file_comes_back_as_it_was(bridge: Bridge, task_type: str, size: int) -> None:
    content = (b"\r\n--" + os.urandom(size))[:size]
    task_id = bridge.add({"type": task_type}, content)
    answer = bridge.get(f"tasks/file/{task_id}/")
    assert answer.status == 200
    assert answer.body == content
    assert answer.headers["Content-Length"] == str(size)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_file_may_be_empty(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type}, b"")
    answer = bridge.get(f"tasks/file/{task_id}/")
    assert (answer.status, answer.body) == (200, b"")


def test_a_task_without_a_file_answers_404_for_it(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    assert bridge.get(f"tasks/file/{task_id}/").status == 404


def test_no_part_of_the_clients_file_name_is_used(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type}, b"x")
    listed = bridge.listed(task_id)
    assert listed is not None
    assert "a b.jpg" not in json.dumps(listed)
    assert "a b.jpg" not in bridge.get(f"tasks/file/{task_id}/").headers["Content-Disposition"]


def test_files_are_not_sniffed(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("browsers may not guess the type of a file")
    task_id = bridge.add({"type": task_type}, b"<script>alert(1)</script>")
    headers = bridge.get(f"tasks/file/{task_id}/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
