"""Where a task is, and how long its steps took."""

import time

import pytest

from taskworker_classifyimage.pipeline.timing import Timing


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock."""
    now_s = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now_s[0])
    return now_s


def test_every_second_belongs_to_one_step(seconds: list[float]) -> None:
    timing = Timing(0.5)
    seconds[0] += 1
    with timing.within("wait"):
        seconds[0] += 2
    seconds[0] += 4
    timing.begin("wait")
    seconds[0] += 8
    timing.begin_after("wait", step="decode")
    seconds[0] += 16
    timing.begin_after("decode", step="infer")
    seconds[0] += 32
    timing.begin_after("decode", "infer", step="wait")
    timing.begin("report")
    seconds[0] += 64
    timing.end()
    assert timing.seconds == {
        "take": 0.5,
        "fetch": 5,
        "wait": 10,
        "decode": 16,
        "infer": 32,
        "report": 64,
    }
    assert timing.network_s == 69.5
    assert timing.compute_s == 48


def test_a_thread_that_nobody_waits_for_any_more_changes_nothing(seconds: list[float]) -> None:
    """Its task has timed out and is being reported."""
    timing = Timing()
    timing.begin("wait")
    timing.begin_after("wait", step="decode")
    timing.begin("report")
    seconds[0] += 1
    timing.begin_after("decode", step="infer")
    timing.begin_after("decode", "infer", step="wait")
    timing.end()
    assert timing.step == "report"
    assert timing.seconds["report"] == 1
    assert "infer" not in timing.seconds
