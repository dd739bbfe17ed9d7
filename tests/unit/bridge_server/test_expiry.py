"""What ends with time: leases that nobody renews, and tasks that were completed long ago."""

import asyncio
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clock import Clock
from support.in_process import BridgeOnFolder, serving
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server.expiry import (
    LeaseTimes,
    remove_finished,
    reopen_expired,
    repeat,
)
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.server import Clocks
from taskworker_classifyimage.bridge_server.store import MOST_ATTEMPTS, TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads

DAY_S = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[TaskStore]:
    opened = TaskStore(tmp_path / "tasks.sqlite3", clock=clock, monotonic=clock)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    opened = Uploads(tmp_path / "files")
    opened.open(lambda _: True)
    return opened


def add_completed(store: TaskStore, uploads: Uploads, *, has_file: bool = False) -> str:
    task_id = str(uuid.uuid4())
    if has_file:
        uploads.path(task_id).touch()
    store.add(NewTask(task_id, "t", has_file=has_file))
    store.complete(task_id, "1")
    return task_id


# When leases end


def test_leases_expire_in_their_order_and_stay_until_they_are_ended(clock: Clock) -> None:
    leases = LeaseTimes(60, clock=clock)
    leases.begin("a", 1)
    clock.now_s += 30
    leases.begin("b", 7)
    clock.now_s += 30
    assert leases.list_expired() == leases.list_expired() == [("a", 1)]
    clock.now_s += 30
    assert leases.list_expired() == [("a", 1), ("b", 7)]
    leases.end("a")
    leases.end("a")
    assert leases.list_expired() == [("b", 7)]


def test_a_renewed_lease_has_its_full_length_again(clock: Clock) -> None:
    leases = LeaseTimes(60, clock=clock)
    leases.begin("a", 1)
    leases.begin("b", 1)
    clock.now_s += 59
    assert leases.renew("a", 1)
    clock.now_s += 59
    assert leases.list_expired() == [("b", 1)]
    clock.now_s += 1
    assert leases.list_expired() == [("b", 1), ("a", 1)]


def test_only_the_holder_renews(clock: Clock) -> None:
    leases = LeaseTimes(60, clock=clock)
    leases.begin("a", 2)
    assert not leases.renew("a", 1)
    assert not leases.renew("b", 2)
    leases.end("a")
    assert not leases.renew("a", 2)


# The chores


def test_expired_leases_are_reopened_and_given_up_after_ten(
    store: TaskStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    leases = LeaseTimes(60, clock=clock)
    store.add(NewTask("a", "t"))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        taken = store.take("t", "w", {}, leased=True)
        assert taken is not None
        assert taken.attempt == attempt
        leases.begin("a", attempt)
        asyncio.run(reopen_expired(store, leases))
        assert store.list_leased() == [("a", attempt)]
        clock.now_s += 60
        asyncio.run(reopen_expired(store, leases))
        assert leases.list_expired() == []
    assert caplog.text.count("bridge.leases_run_out reopened=1") == MOST_ATTEMPTS - 1
    assert "bridge.given_up task=a attempts=10" in caplog.text
    assert store.overviews.count_completions() == {"t": 1}


def test_tasks_completed_long_ago_are_removed_with_their_files(
    store: TaskStore, uploads: Uploads, clock: Clock
) -> None:
    old = [add_completed(store, uploads, has_file=True) for _ in range(3)]
    old.append(add_completed(store, uploads))
    clock.now_s += 60
    young = add_completed(store, uploads, has_file=True)
    store.add(NewTask("unfinished", "t"))
    clock.now_s += 30 * DAY_S - 30
    asyncio.run(remove_finished(store, uploads, 30 * DAY_S))
    listed, _ = store.overviews.list_page(0, 10)
    assert [task.id for task in listed] == [young, "unfinished"]
    assert uploads.path(young).exists()
    assert not [task_id for task_id in old if uploads.path(task_id).exists()]
    assert store.overviews.count_completions() == {"t": 5}


def test_many_old_tasks_are_removed_while_the_bridge_answers(
    store: TaskStore, uploads: Uploads, clock: Clock
) -> None:
    """The event loop gets its turn between two batches."""
    for _ in range(250):
        add_completed(store, uploads)
    clock.now_s += 10
    left: list[int] = []

    async def watch() -> None:
        while not left or left[-1]:
            left.append(len(store.overviews.list_page(0, 1000)[0]))
            await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(watch(), remove_finished(store, uploads, 5))

    asyncio.run(run())
    assert left == [250, 150, 50, 0]


def test_a_chore_is_repeated_even_after_a_database_error(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0

    async def run() -> None:
        third = asyncio.Event()

        async def chore() -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                raise sqlite3.OperationalError("disk I/O error")
            if runs == 3:
                third.set()

        repeating = asyncio.create_task(repeat(chore, 0))
        await third.wait()
        repeating.cancel()

    asyncio.run(run())
    assert caplog.text.count("bridge.chore_failed error=disk I/O error") == 1


# In a bridge


def lease(bridge: BridgeOnFolder) -> int:
    wanted = {"type": "t", "worker": "w", "lease": True}
    return int(bridge.post("tasks/take/", wanted).json()["attempt"])


def complete(bridge: BridgeOnFolder, task_id: str) -> None:
    assert bridge.post(f"tasks/complete/{task_id}/", {"result": 1}).status == 200


def test_a_task_that_nobody_renews_is_open_again(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, clocks=Clocks(monotonic=clock)) as bridge:
        silent, unleased = bridge.add(b"picture"), bridge.add()
        lease(bridge)
        assert bridge.take() == unleased
        clock.now_s += 60
        wait_until(lambda: bridge.status(silent) == "open")
        assert "bridge.leases_run_out reopened=1" in caplog.text
        assert bridge.status(unleased) == "inprogress"
        assert bridge.take() == silent
        assert bridge.get(f"tasks/file/{silent}/").body == b"picture"


def test_a_task_that_is_renewed_stays_with_its_worker(tmp_path: Path, clock: Clock) -> None:
    """Longer than its lease; the other task shows that leases have been checked."""
    with serving(tmp_path, clocks=Clocks(monotonic=clock)) as bridge:
        renewed, silent = bridge.add(), bridge.add()
        attempt = lease(bridge)
        lease(bridge)
        clock.now_s += 59
        assert bridge.post(f"tasks/renew/{renewed}/", {"attempt": attempt}).status == 200
        clock.now_s += 59
        wait_until(lambda: bridge.status(silent) == "open")
        assert bridge.status(renewed) == "inprogress"


def test_a_restart_of_the_bridge_gives_every_lease_its_full_length_again(
    tmp_path: Path, clock: Clock
) -> None:
    clocks = Clocks(monotonic=clock)
    with serving(tmp_path, clocks=clocks) as bridge:
        task_id = bridge.add()
        renewal = {"attempt": lease(bridge)}
    clock.now_s += 1000
    with serving(tmp_path, clocks=clocks) as bridge:
        clock.now_s += 59
        assert bridge.post(f"tasks/renew/{task_id}/", renewal).status == 200
        clock.now_s += 60
        wait_until(lambda: bridge.get(f"tasks/status/{task_id}/").json() == {"status": "open"})
        assert bridge.post(f"tasks/renew/{task_id}/", renewal).status == 409


def test_a_bridge_removes_old_tasks_only_if_it_is_told_to(tmp_path: Path, clock: Clock) -> None:
    clocks = Clocks(wall=clock, monotonic=clock)
    with serving(tmp_path, clocks=clocks) as bridge:
        old = bridge.add(b"picture")
        complete(bridge, old)
        clock.now_s += 36_500 * DAY_S
        assert bridge.get(f"tasks/file/{old}/").body == b"picture"
        young = bridge.add()
        complete(bridge, young)
    with serving(tmp_path, Limits(keep_s=DAY_S), clocks=clocks) as bridge:
        wait_until(lambda: [task["id"] for task in bridge.listed()] == [young])
        assert bridge.files() == []
