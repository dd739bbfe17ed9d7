"""The roster of workers: who asked for tasks lately, and when a silent worker is dropped."""

import msgspec

from support.clock import Clock
from taskworker_classifyimage.bridge_server.workers import SILENCE_S, WorkerRoster


def test_a_worker_is_idle_or_working_and_its_silence_is_in_milliseconds() -> None:
    clock = Clock()
    roster = WorkerRoster(clock=clock)
    roster.note("a", "classifyimage", "7")
    clock.now_s += 1.5
    roster.note("b", "classifyimage", None)
    assert msgspec.to_builtins(roster.list_recent()) == [
        {
            "name": "a",
            "type": "classifyimage",
            "status": "working",
            "lastping": 1500,
            "taskid": "7",
        },
        {"name": "b", "type": "classifyimage", "status": "idle", "lastping": 0},
    ]


def test_a_worker_is_listed_once_for_each_type() -> None:
    roster = WorkerRoster(clock=Clock())
    roster.note("a", "one", "7")
    roster.note("a", "two", None)
    roster.note("a", "one", None)
    assert [(worker.name, worker.type, worker.status) for worker in roster.list_recent()] == [
        ("a", "two", "idle"),
        ("a", "one", "idle"),
    ]


def test_a_worker_drops_off_after_half_an_hour_of_silence() -> None:
    clock = Clock()
    roster = WorkerRoster(clock=clock)
    roster.note("silent", "t", None)
    roster.note("alive", "t", None)
    clock.now_s += SILENCE_S
    roster.note("alive", "t", None)
    assert [worker.name for worker in roster.list_recent()] == ["silent", "alive"]
    clock.now_s += 1
    assert [worker.name for worker in roster.list_recent()] == ["alive"]
