"""Limits: of files, JSON, the disk, the memory of all calls and the time of arrival."""

import asyncio
import json
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.http_client import JSON_TYPE, Answer
from support.in_process import (
    FORM_LINE,
    FORM_START,
    FORM_TYPE,
    form,
    read_status,
    serving,
)
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server.limits import Limits, RequestMemory

MIB = 2**20
FULL = "the bridge's disk is full: make room on it, or remove tasks"


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


def test_what_would_fill_the_disk_is_a_507_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, Limits(free_bytes=2**62)) as bridge:
        answer = bridge.add_form(form(b'{"type": "t"}', b"picture"))
        assert (answer.status, answer.json()) == (507, {"error": FULL})
        assert "bridge.disk_full" in caplog.text
        assert "Traceback" not in caplog.text
        assert bridge.files() == []


@pytest.mark.parametrize("path", ["add", "complete/00000000-0000-4000-8000-000000000000"])
def test_what_never_arrives_is_a_408_and_leaves_nothing(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, Limits(arrival_s=0.2)) as bridge, bridge.connect() as connection:
        content_type = FORM_LINE if path == "add" else "Content-Type: application/json"
        head = bridge.head(f"tasks/{path}/", content_type, "Content-Length: 1000")
        connection.sendall(head + FORM_START)
        assert read_status(connection) == 408
        assert bridge.files() == []


@pytest.mark.parametrize("is_form", [False, True], ids=["result", "new task"])
def test_large_json_of_many_calls_does_not_fill_the_memory(tmp_path: Path, is_form: bool) -> None:
    """Too much is a 503, small calls still work, and so do large ones once there is room."""
    limits = Limits(held_bytes=MIB)
    large = json.dumps({"type": "t", "result": "x" * (MIB - 1000)}).encode()
    with serving(tmp_path, limits) as bridge, ExitStack() as stack:
        task_id = bridge.add()
        path = "tasks/add/" if is_form else f"tasks/complete/{task_id}/"
        body = form(large) if is_form else large
        headers = FORM_TYPE if is_form else JSON_TYPE
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = bridge.head(path, *lines, f"Content-Length: {len(body)}")

        def send() -> Answer:
            return bridge.call("POST", f"/api/{path}", body, headers)

        slow = [stack.enter_context(bridge.connect()) for _ in range(2)]
        for connection in slow:
            connection.sendall(head + body[: len(body) // 2])
        wait_until(lambda: send().status == 503)
        assert send().json() == {"error": "too much large JSON at once; try again"}
        assert bridge.post(f"tasks/progress/{task_id}/", {"progress": 5}).status == 200
        for connection in slow:
            connection.close()
        wait_until(lambda: send().status == 200)


def test_large_json_is_worked_on_one_at_a_time() -> None:
    """Parsing and storing it keeps all calls waiting; what is small does not wait for its turn."""

    async def run() -> None:
        memory, order = RequestMemory(Limits()), []

        async def call(name: str, size_bytes: int, work: asyncio.Event) -> None:
            async with memory.hold() as held:
                held.count(size_bytes)
                await held.wait_for_turn()
                order.append(name)
                await work.wait()
            order.append(f"{name} has rested")

        first, others = asyncio.Event(), asyncio.Event()
        others.set()
        calls = [
            asyncio.create_task(call("first", 2 * MIB, first)),
            asyncio.create_task(call("second", 2 * MIB, others)),
            asyncio.create_task(call("small", 1000, others)),
        ]
        await asyncio.sleep(0.01)
        assert order == ["first", "small", "small has rested"]
        first.set()
        await asyncio.gather(*calls)
        assert order[3:] == ["first has rested", "second", "second has rested"]
        assert memory.held_bytes == 0

    asyncio.run(run())


def test_large_json_that_is_read_again_waits_for_its_turn() -> None:
    """Reading it keeps all calls waiting; whoever asks again and again has only his turns."""

    async def run() -> None:
        memory, order = RequestMemory(Limits()), []

        async def read(name: str, task_id: str, size_bytes: int) -> None:
            async with memory.read(task_id) as note:
                note(size_bytes)
                order.append(name)

        await read("large, not known yet", "a", 2 * MIB)
        await memory.one_large.acquire()
        waiting = asyncio.create_task(read("large again", "a", 2 * MIB))
        await asyncio.sleep(0)
        await read("small", "b", 1000)
        await read("small again", "b", 1000)
        memory.one_large.release()
        await waiting
        assert order == ["large, not known yet", "small", "small again", "large again"]

    asyncio.run(run())
