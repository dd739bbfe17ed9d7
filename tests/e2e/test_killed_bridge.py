"""The embedded bridge is killed under load, several times: no task is lost or counted twice.

CLASSIFYIMAGE_KILL_ROUNDS=20 makes the test long.
"""

import contextlib
import http.client
import os
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from support.api import Api
from support.programs import Program, free_port
from support.small_worker import small_worker
from support.waiting import wait_until
from support.working import coloured_picture

ROUNDS = int(os.environ.get("CLASSIFYIMAGE_KILL_ROUNDS", "2"))
WORKERS = 2


def mortal_bridge(folder: Path, port: int) -> Program:
    """With a short lease: a task whose take was interrupted reopens soon."""
    flags = ("--bridge-port", str(port), "--bridge-data", str(folder), "--bridge-lease", "5")
    return Program("bridge", *flags)


class Client:
    """Adds pictures until it is stopped, and remembers those that were acknowledged."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._add)
        self.classes: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _add(self) -> None:
        source = random.Random()
        while not self._stop.is_set():
            best, picture = coloured_picture(source)
            try:
                self.classes[self._api.add({}, picture)] = best
            except (OSError, http.client.HTTPException):
                # The bridge is dead; it may or may not have stored this picture.
                time.sleep(0.05)
            # At a pace that the workers can keep: the tasks that are added have to be done.
            self._stop.wait(0.03)


@pytest.mark.timeout(600 + 60 * ROUNDS)
def test_a_bridge_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Every acknowledged picture has the right result, and every task is counted once."""
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}")
    with ExitStack() as stack:
        risen = stack.enter_context(mortal_bridge(tmp_path / "bridge", port))
        api.wait_until_up()
        for number in range(WORKERS):
            stack.enter_context(small_worker(api.root, f"w{number}"))
        with Client(api) as client:
            for _ in range(ROUNDS):
                wait_for_more(api)
                time.sleep(random.uniform(0, 0.5))
                risen.kill()
                risen = stack.enter_context(mortal_bridge(tmp_path / "bridge", port))
                api.wait_until_up()
        wait_until(lambda: set(api.statuses()) == {"completed"})
        tasks = {task["id"] for task in api.tasks()}
        assert client.classes.keys() <= tasks
        for task_id, best in client.classes.items():
            assert api.result(task_id)["predictions"][0]["class"] == best
        assert completed(api) == len(tasks)
        assert {path.name for path in (tmp_path / "bridge" / "files").iterdir()} == tasks
        assert risen.stop() == 0
    print(f"{ROUNDS} kills, {len(client.classes)} pictures acknowledged, {len(tasks)} tasks")


def wait_for_more(api: Api) -> None:
    """Waits until the workers have completed more tasks."""
    enough = completed(api) + 10
    wait_until(lambda: completed(api) >= enough)


def completed(api: Api) -> int:
    """The number of results that the bridge has counted."""
    with contextlib.suppress(OSError):
        return int(api.json("GET", "tasks/statistics/").get("classifyimage", 0))
    return 0
