"""Completed tasks age by time that really passed, whatever happens to the wall clock."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.clock import Clock
from support.in_process import serving
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server import database
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.server import Clocks
from taskworker_classifyimage.bridge_server.store import TaskStore

DAY_S = 86_400.0
KEEP_S = 30 * DAY_S


class Machine:
    """A machine with a bridge's data: its two clocks, and what the bridge removes hourly."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wall, self.monotonic = Clock(), Clock()
        self.wall.now_s = 20_000 * DAY_S

    def sleep(self, time_s: float) -> None:
        """Time passes while the machine is off."""
        self.wall.now_s += time_s

    @contextmanager
    def start(self) -> Iterator[TaskStore]:
        store = TaskStore(self.path, clock=self.wall, monotonic=self.monotonic)
        store.open()
        store.retention.count()
        yield store
        store.close()

    def run(self, store: TaskStore, hours: int) -> None:
        """Time passes while the bridge runs."""
        for _ in range(hours):
            self.wall.now_s += 3600
            self.monotonic.now_s += 3600
            store.retention.count()
            store.retention.remove_finished(KEEP_S, 100)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "tasks.sqlite3")


def complete(store: TaskStore) -> str:
    task_id = str(uuid.uuid4())
    store.add(NewTask(task_id, "t"))
    store.complete(task_id, "1")
    return task_id


def kept(store: TaskStore) -> list[str]:
    store.retention.remove_finished(KEEP_S, 100)
    return [task.id for task in store.overviews.list_page(0, 100)[0]]


@pytest.mark.parametrize("days", [40, 100])
def test_a_clock_that_is_ahead_at_a_start_removes_nothing(
    machine: Machine, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    with machine.start() as store:
        task_id = complete(store)
    machine.wall.now_s += days * DAY_S
    with machine.start() as store:
        machine.run(store, 23)
        assert kept(store) == [task_id]
        assert caplog.text.count(f"bridge.clock_ahead days={days}.0") == 1
        machine.wall.now_s -= days * DAY_S
        machine.run(store, 28 * 24)
        assert kept(store) == [task_id]
        machine.run(store, 2 * 24)
        assert kept(store) == []
    assert "clock_trusted" not in caplog.text


@pytest.mark.parametrize("days", [40, 100])
def test_a_clock_that_jumps_ahead_while_the_bridge_runs_removes_nothing(
    machine: Machine, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    with machine.start() as store:
        task_id = complete(store)
        machine.wall.now_s += days * DAY_S
        machine.run(store, 23)
        assert kept(store) == [task_id]
        assert caplog.text.count(f"bridge.clock_ahead days={days}.0") == 1


def test_a_machine_that_was_really_off_for_long_removes_after_a_day(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """What was completed in that day is as old as it is."""
    with machine.start() as store:
        complete(store)
        machine.run(store, 1)
    machine.sleep(60 * DAY_S)
    with machine.start() as store:
        machine.run(store, 1)
        young = complete(store)
        machine.run(store, 24)
        assert kept(store) == [young]
        assert "bridge.clock_trusted days=60.0" in caplog.text
        machine.run(store, 28 * 24)
        assert kept(store) == [young]
        machine.run(store, 25)
        assert kept(store) == []


def test_a_machine_that_runs_by_day_removes_in_time(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    with machine.start() as store:
        task_id = complete(store)
    for _ in range(29):
        with machine.start() as store:
            machine.run(store, 8)
            assert kept(store) == [task_id]
        machine.sleep(16 * 3600)
    for _ in range(2):
        with machine.start() as store:
            machine.run(store, 8)
        machine.sleep(16 * 3600)
    with machine.start() as store:
        assert kept(store) == []
    assert caplog.text == ""


def test_a_doubt_ends_on_a_machine_that_runs_by_day(machine: Machine) -> None:
    with machine.start() as store:
        complete(store)
        machine.run(store, 1)
    machine.sleep(60 * DAY_S)
    for _ in range(4):
        with machine.start() as store:
            machine.run(store, 8)
        machine.sleep(16 * 3600)
    with machine.start() as store:
        assert kept(store) == []


def test_a_clock_that_is_corrected_after_a_start_in_the_past_removes_nothing(
    machine: Machine,
) -> None:
    """A machine without a battery starts in 1970, and learns the time from the network."""
    with machine.start() as store:
        task_id = complete(store)
    right_s, machine.wall.now_s = machine.wall.now_s, 0.0
    with machine.start() as store:
        machine.run(store, 1)
        late = complete(store)
        machine.wall.now_s = right_s + 7200
        machine.run(store, 28 * 24)
        assert kept(store) == [task_id, late]
        machine.run(store, 3 * 24)
        assert kept(store) == []


def test_a_killed_bridge_counts_the_time_since_it_last_stored_it(machine: Machine) -> None:
    store = TaskStore(machine.path, clock=machine.wall, monotonic=machine.monotonic)
    store.open()
    task_id = complete(store)
    store._database.close()
    machine.sleep(20 * 3600)
    with machine.start() as store:
        machine.run(store, 29 * 24 + 3)
        assert kept(store) == [task_id]
        machine.run(store, 2)
        assert kept(store) == []


def test_a_bridge_of_an_older_release_that_starts_with_a_clock_ahead_removes_nothing(
    machine: Machine,
) -> None:
    done_ms = int(machine.wall.now_s * 1000)
    with sqlite3.connect(machine.path) as old:
        for statements in database._MIGRATIONS[:2]:
            for statement in statements:
                old.execute(statement)
        old.execute(
            "INSERT INTO tasks (id, type, status, has_file, createdat, completedat, requirements)"
            " VALUES ('a', 't', 'completed', 0, ?, ?, '')",
            (done_ms, done_ms),
        )
        old.execute("PRAGMA user_version = 2")
    old.close()
    machine.wall.now_s += 40 * DAY_S
    with machine.start() as store:
        machine.run(store, 23)
        assert kept(store) == ["a"]
        machine.run(store, 2)
        assert kept(store) == []


@pytest.mark.parametrize("jump_s", [40 * DAY_S, -40 * DAY_S])
def test_a_jump_of_the_clock_ends_no_lease_and_keeps_none(tmp_path: Path, jump_s: float) -> None:
    wall, monotonic = Clock(), Clock()
    wall.now_s = 20_000 * DAY_S
    clocks = Clocks(wall=wall, monotonic=monotonic)
    with serving(tmp_path, Limits(keep_s=KEEP_S), clocks=clocks) as bridge:
        task_id = bridge.add()
        wanted = {"type": "t", "worker": "w", "lease": True}
        attempt = bridge.post("tasks/take/", wanted).json()["attempt"]
        wall.now_s += jump_s
        monotonic.now_s += 59
        renewal = {"attempt": attempt}
        assert bridge.post(f"tasks/renew/{task_id}/", renewal).status == 200
        monotonic.now_s += 60
        wait_until(lambda: bridge.status(task_id) == "open")
