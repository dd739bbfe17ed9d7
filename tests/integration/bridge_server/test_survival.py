"""Killed servers, restarts and many clients at once: no task is lost, and none is taken twice."""

import asyncio
import http.client
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import Raw

from support.in_process import BridgeOnFolder, serving
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server.database import BridgeDataUnusable
from taskworker_classifyimage.bridge_server.server import BridgeServer
from taskworker_classifyimage.bridge_server.store import TaskStore

#: A server in its own process: prints its URL, then serves until it is killed.
SERVER_PROGRAM = """
import asyncio, sys
from pathlib import Path
from taskworker_classifyimage.bridge_server.server import BridgeServer

async def serve():
    server = BridgeServer("127.0.0.1", 0, Path(sys.argv[1]))
    await server.start()
    print(server.url, flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""

#: Takes tasks over one connection until none is open, and prints their ids.
TAKER_PROGRAM = """
import http.client, json, sys

connection = http.client.HTTPConnection(sys.argv[1])
wanted = json.dumps({"type": "t", "worker": "w"})
while True:
    connection.request("POST", "/api/tasks/take/", wanted, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 404:
        break
    print(json.loads(body)["id"])
connection.close()
"""


@contextmanager
def server_process(folder: Path) -> Iterator[tuple[BridgeOnFolder, subprocess.Popen[str]]]:
    """A server that can be killed."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER_PROGRAM, folder], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield BridgeOnFolder(process.stdout.readline().strip(), folder), process
        finally:
            process.kill()


def test_tasks_and_files_outlive_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        task_id = bridge.add(b"picture")
        before = bridge.listed()
    with serving(tmp_path) as bridge:
        assert bridge.listed() == before
        answer = bridge.get(f"tasks/file/{task_id}/")
        assert (answer.status, answer.body) == (200, b"picture")


def test_a_second_bridge_on_the_same_folder_is_refused(bridge: BridgeOnFolder) -> None:
    task_id = bridge.add(b"picture")
    (bridge.folder / "files" / f"{uuid.uuid4()}.part").touch()
    before = bridge.files()
    with pytest.raises(BridgeDataUnusable, match="in use by another bridge"):
        asyncio.run(BridgeServer("127.0.0.1", 0, bridge.folder).start())
    assert bridge.files() == before
    assert bridge.take() == task_id


def test_a_second_process_on_the_same_folder_is_refused(bridge: BridgeOnFolder) -> None:
    command = [sys.executable, "-c", SERVER_PROGRAM, str(bridge.folder)]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert b"in use by another bridge" in ended.stderr


def test_eight_processes_never_take_the_same_task(bridge: BridgeOnFolder) -> None:
    added = [bridge.add() for _ in range(200)]
    command = [sys.executable, "-c", TAKER_PROGRAM, bridge.netloc]
    takers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    taken = [task_id for taker in takers for task_id in taker.communicate(timeout=60)[0].split()]
    assert [taker.returncode for taker in takers] == [0] * 8
    assert sorted(taken) == sorted(added)


class AcknowledgedCalls:
    """A client that adds, takes and completes tasks, and notes what the server has acknowledged."""

    def __init__(self, bridge: BridgeOnFolder) -> None:
        self._bridge = bridge
        self.added: list[str] = []
        self.taken: list[str] = []
        self.completed: list[str] = []
        self.to_remove: list[str] = []
        self.removed: list[str] = []

    @property
    def count(self) -> int:
        return len(self.added) + len(self.taken) + len(self.completed) + len(self.removed)

    def run(self) -> None:
        """Goes on until the server is gone; every third task is left open."""
        try:
            for number in range(1_000_000):
                self.added.append(self._bridge.add(b"picture" * 1000))
                if number % 3 == 0:
                    continue
                task_id = self._bridge.take()
                assert task_id is not None
                self.taken.append(task_id)
                done = self._bridge.post(f"tasks/complete/{task_id}/", {"result": task_id})
                assert done.status == 200
                self.completed.append(task_id)
                if number % 3 == 1:
                    self.to_remove.append(task_id)
                    assert self._bridge.delete(f"tasks/remove/{task_id}/").status == 200
                    self.removed.append(task_id)
        except (OSError, http.client.HTTPException):
            return


def test_a_killed_server_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    with server_process(tmp_path) as (bridge, process):
        clients = [AcknowledgedCalls(bridge) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            running = [threads.submit(client.run) for client in clients]
            wait_until(lambda: sum(client.count for client in clients) > 200)
            process.kill()
        for each in running:
            each.result()
    store = TaskStore(tmp_path / "tasks.sqlite3")
    store.open()
    try:
        assert_kept(store, tmp_path, clients)
    finally:
        store.close()


def assert_kept(store: TaskStore, folder: Path, clients: list[AcknowledgedCalls]) -> None:
    """Checks that everything acknowledged is kept; other changes may be kept or not."""
    to_remove = {task_id for client in clients for task_id in client.to_remove}
    for client in clients:
        for task_id in client.removed:
            assert store.find_state(task_id) is None
        for task_id in set(client.added) - to_remove:
            assert store.find_state(task_id) is not None
            assert (folder / "files" / task_id).read_bytes() == b"picture" * 1000
        for task_id in set(client.taken) - to_remove:
            state = store.find_state(task_id)
            assert state is not None
            assert state.status in ("inprogress", "completed")
        for task_id in set(client.completed) - to_remove:
            details = store.find_details(task_id)
            assert details is not None
            assert (details.status, details.result) == ("completed", Raw(f'"{task_id}"'))
    assert store.overviews.count_completions()["t"] >= sum(
        len(client.completed) for client in clients
    )


def test_a_killed_server_leaves_a_folder_that_can_be_opened_at_once(tmp_path: Path) -> None:
    with server_process(tmp_path) as (bridge, process):
        task_id = bridge.add()
        process.kill()
    with serving(tmp_path) as bridge:
        assert bridge.take() == task_id


def test_a_start_and_a_stop_leave_nothing_open(tmp_path: Path) -> None:
    program = SERVER_PROGRAM.replace("await asyncio.Event().wait()", "await server.stop()")
    # Development mode also warns of slow callbacks, which a busy machine has.
    patient = "asyncio.get_running_loop().slow_callback_duration = 60"
    program = program.replace("    server =", f"    {patient}\n    server =")
    environ = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        capture_output=True,
        check=False,
        env=environ,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
