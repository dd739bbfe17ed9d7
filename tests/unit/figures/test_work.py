"""The figures of a worker: plain numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.figures.histogram import BOUNDS_S, Histogram
from taskworker_classifyimage.figures.work import WorkFigures
from taskworker_classifyimage.pipeline.timing import Timing


@given(st.lists(st.floats(0, 1000)))
def test_a_histogram_counts_each_time_in_the_first_bucket_that_holds_it(times: list[float]) -> None:
    histogram = Histogram()
    for seconds in times:
        histogram.observe(seconds)
    for number, bound_s in enumerate(BOUNDS_S):
        up_to = sum(histogram.counts[: number + 1])
        assert up_to == sum(seconds <= bound_s for seconds in times)
    assert histogram.count == len(times)
    assert histogram.total_s == pytest.approx(sum(times))


def test_a_task_is_in_flight_in_the_step_that_it_is_in_until_it_ends() -> None:
    figures, timing = WorkFigures(), Timing(0.25)
    figures.begin(timing)
    assert figures.in_flight()["fetch"] == 1
    timing.begin("wait")
    assert figures.in_flight()["wait"] == 1
    assert sum(figures.in_flight().values()) == 1
    figures.end(timing, "classified")
    assert sum(figures.in_flight().values()) == 0
    assert {step: each.count for step, each in figures.steps.items() if each.count} == {
        "take": 1,
        "fetch": 1,
        "wait": 1,
    }
    assert figures.steps["take"].total_s == 0.25


def test_tasks_are_counted_by_outcome_and_code() -> None:
    figures = WorkFigures()
    for code in ("damaged", "damaged", "too_large"):
        figures.end(Timing(), "failed", code)
    figures.end(Timing(), "classified")
    figures.end(Timing(), "gone")
    assert (figures.classified, figures.failed, figures.ended) == (1, 3, 5)
    assert figures.tasks["failed", "damaged"] == 2


def test_only_the_last_failures_are_remembered() -> None:
    """Their texts come from outside: memory must not grow with them."""
    figures = WorkFigures()
    for number in range(100):
        figures.note_failure(str(number), "damaged", "no")
    assert [each.task_id for each in figures.failures] == ["95", "96", "97", "98", "99"]
