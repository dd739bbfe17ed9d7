"""A worker works off a backlog: all tasks are added first, then the worker is started.

The clock runs from the moment when the first task is taken to the last completion, so neither the
worker's start nor the adding counts.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.api import Api
from harness.bridges import RunningBridge
from harness.processes import MeasurementFailed, MemoryWatch, Program, percentile

_TIMEOUT_S = 900.0
_FIRST_POLL_S = 0.005
_POLL_S = 0.1


@dataclass(frozen=True)
class _Moment:
    """Clock and CPU of everybody at one time."""

    at_s: float
    worker_cpu_s: float
    own_cpu_s: float
    bridge_cpu_s: float
    harness_cpu_s: float


def work_off(
    bridge: RunningBridge, pictures: Sequence[bytes], worker: Program
) -> dict[str, float | int]:
    """Adds the pictures, starts the worker, waits for the last result.

    Args:
        bridge: with nothing open on it.
        pictures: one task each.
        worker: not started; it has to work for that bridge.

    Raises:
        MeasurementFailed: the worker ended, was too slow or answered with an error.
    """
    api = bridge.api
    done_before = api.completed()
    ids = api.add_all(pictures)
    with worker, MemoryWatch(worker) as memory:
        _wait_for_take(api, ids[0], worker)
        begin = _moment(bridge, worker)
        _wait_for_results(api, done_before + len(ids), worker)
        end = _moment(bridge, worker)
    listed = [task for task_id, task in api.tasks().items() if task_id in set(ids)]
    _check_results(api, ids)
    completed_s = sorted(task["completedat"] / 1000 for task in listed if task.get("completedat"))
    last_s = completed_s[-1] if len(completed_s) == len(ids) else end.at_s
    seconds = last_s - begin.at_s
    return {
        "pictures": len(ids),
        "seconds": seconds,
        "per_second": len(ids) / seconds,
        "cpu_ms": 1000 * (end.worker_cpu_s - begin.worker_cpu_s) / len(ids),
        "own_cpu_ms": 1000 * (end.own_cpu_s - begin.own_cpu_s) / len(ids),
        "bridge_cpu_ms": 1000 * (end.bridge_cpu_s - begin.bridge_cpu_s) / len(ids),
        "harness_cpu_ms": 1000 * (end.harness_cpu_s - begin.harness_cpu_s) / len(ids),
        "pss_mb": memory.peak.pss_mb,
        "rss_mb": memory.peak.rss_mb,
        **_steady(completed_s),
        **_latencies(listed),
    }


def wait_for_first_take(api: Api, task_id: str, worker: Program) -> float:
    """Waits until a worker has taken the task; `time.time()` of that, by the bridge if it says."""
    seen_s = _wait_for_take(api, task_id, worker)
    started_ms = api.tasks()[task_id].get("startedat")
    return float(started_ms) / 1000 if started_ms else seen_s


def _wait_for_take(api: Api, task_id: str, worker: Program) -> float:
    deadline_s = time.monotonic() + _TIMEOUT_S
    while api.status(task_id) == "open":
        worker.check()
        if time.monotonic() > deadline_s:
            raise MeasurementFailed("the worker took no task")
        time.sleep(_FIRST_POLL_S)
    return time.time()


def _wait_for_results(api: Api, goal: int, worker: Program) -> None:
    deadline_s = time.monotonic() + _TIMEOUT_S
    while (done := api.completed()) < goal:
        worker.check()
        if time.monotonic() > deadline_s:
            raise MeasurementFailed(f"{goal - done} of {goal} tasks were not completed")
        time.sleep(_POLL_S)


def _moment(bridge: RunningBridge, worker: Program) -> _Moment:
    own_cpu_s, bridge_cpu_s = worker.own_cpu_s(), bridge.cpu_s()
    return _Moment(time.time(), worker.cpu_s(), own_cpu_s, bridge_cpu_s, time.process_time())


def _check_results(api: Api, ids: Sequence[str]) -> None:
    for task_id in ids:
        result = api.result(task_id)
        if result.get("error") or len(result["predictions"]) != 10:
            raise MeasurementFailed(f"task {task_id} was answered with {str(result)[:300]}")


def _steady(completed_s: Sequence[float]) -> dict[str, float]:
    """The rate between the first and the last tenth, where all the machinery is full."""
    tenth = len(completed_s) // 10
    if tenth < 2:
        return {}
    middle = completed_s[tenth:-tenth]
    return {"steady_per_second": (len(middle) - 1) / max(middle[-1] - middle[0], 0.001)}


def _latencies(listed: Sequence[dict[str, Any]]) -> dict[str, float]:
    """From take to completion, where the bridge tells both times."""
    spans_ms = [
        float(task["completedat"] - task["startedat"])
        for task in listed
        if task.get("completedat") and task.get("startedat")
    ]
    if len(spans_ms) < len(listed):
        return {}
    return {"p50_ms": percentile(spans_ms, 50), "p95_ms": percentile(spans_ms, 95)}
