"""What every call passes: errors become JSON without internals, and a stop waits for calls."""

import asyncio
from pathlib import Path

import pytest

from support.in_process import form, serving
from taskworker_classifyimage.bridge_server.middleware import RunningCalls


def test_a_fault_of_the_server_shows_the_client_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as bridge:
        (bridge.folder / "files").rmdir()
        (bridge.folder / "files").touch()
        answer = bridge.add_form(form(b'{"type": "t"}', b"x"))
        assert (answer.status, answer.json()) == (500, {"error": "internal error"})
        assert "bridge.failed call='/api/tasks/add/'" in caplog.text
        assert bridge.listed() == []


def test_a_folder_of_files_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        (bridge.folder / "files").rmdir()
        task_id = bridge.add(b"picture")
        assert bridge.files() == [task_id]


def test_a_database_that_is_damaged_while_it_is_used_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tasks.sqlite3"
    with serving(tmp_path) as bridge:
        for _ in range(300):
            bridge.add()
    with serving(tmp_path) as bridge:
        # Only pages that the start has not read: its cache holds the others.
        damage(path)
        answers = [bridge.get("tasks/list/") for _ in range(3)]
        assert [answer.status for answer in answers] == [503] * 3
        assert "damaged" in answers[0].json()["error"]
        assert bridge.get("version/").status == 200
    assert [str(path) in record.message for record in caplog.records] == [True]
    assert "Traceback" not in caplog.text


def damage(path: Path) -> None:
    """Overwrites everything but the first page."""
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * (size - 4096))


def test_a_stop_waits_for_the_last_running_call() -> None:
    async def run() -> list[str]:
        running, done = RunningCalls(), []
        with running.count():
            stop = asyncio.create_task(running.finish(60))
            with running.count():
                await asyncio.sleep(0)
                done.append("first")
            await asyncio.sleep(0)
            assert running.is_stopping
            assert not stop.done()
            done.append("second")
        await stop
        return done

    assert asyncio.run(run()) == ["first", "second"]


def test_a_stop_does_not_wait_longer_than_its_timeout() -> None:
    async def run() -> None:
        running = RunningCalls()
        with running.count():
            async with asyncio.timeout(60):
                await running.finish(0)
            assert running.is_stopping

    asyncio.run(run())
