"""From process start to the first take, and the memory of the worker over many pictures."""

import argparse
import statistics
import time

from harness import tables
from harness.backlog import wait_for_first_take
from harness.bench import Bench
from harness.bridges import RunningBridge
from harness.processes import Program

HELP = "time to the first take, memory over many pictures"

_BACKLOG = 300
_PAUSE_S = 0.5
_WARM_UP_SHARE = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument("--starts", type=int, default=7, metavar="N", help="default: 7")
    parser.add_argument(
        "--memory-count", type=int, default=10_000, metavar="N", help="default: 10000"
    )


def measure(bench: Bench) -> tables.Row:
    """Starts with each model; memory with each model."""
    rows = []
    for model in bench.models:
        # The first start brings files into the system's cache and does not count.
        starts_s = [_start_s(bench, model) for _ in range(bench.options.starts + 1)][1:]
        print(f"{model}: starts {[round(each, 2) for each in starts_s]}", flush=True)
        rows.append({"model": model, "starts_s": starts_s, **_memory(bench, model)})
    return {"rows": rows}


def table(results: tables.Row) -> str:
    """One line a model."""
    lines = []
    for row in results["rows"]:
        growth = _growth(row["samples"])
        lines.append(
            (
                row["model"],
                f"{len(row['starts_s'])} starts, {row['samples'][-1]['pictures']} pictures",
                tables.shown(statistics.median(row["starts_s"]), 2),
                tables.shown(max(row["starts_s"]), 2),
                tables.shown(max(sample["pss_mb"] for sample in row["samples"])),
                tables.shown(max(sample["rss_mb"] for sample in row["samples"])),
                tables.shown(growth["slope_mb"], 2),
                tables.shown(growth["change_mb"], 2),
                tables.shown(growth["range_mb"], 2),
            )
        )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "model",
    "measured",
    "first take s (median)",
    "(max)",
    "peak PSS MB",
    "peak RSS MB",
    "slope MB/10,000 pictures",
    "end minus begin MB",
    "highest minus lowest MB",
)


def _start_s(bench: Bench, model: str) -> float:
    with bench.folder() as folder, bench.bridges[0].run(folder) as running:
        [task_id] = running.api.add_all(bench.pictures.different(1))
        with bench.worker(running.api.url, model, folder) as worker:
            return wait_for_first_take(running.api, task_id, worker) - worker.started_at_s


def _memory(bench: Bench, model: str) -> tables.Row:
    """Samples of memory by pictures done, while a backlog is kept up."""
    goal = bench.options.memory_count
    with bench.folder() as folder, bench.bridges[0].run(folder) as running:
        running.api.add_all(bench.pictures.different(min(goal, _BACKLOG)))
        with bench.worker(running.api.url, model, folder) as worker:
            samples = _watch(bench, running, worker, goal)
    return {"samples": samples}


def _watch(bench: Bench, running: RunningBridge, worker: Program, goal: int) -> list[tables.Row]:
    samples: list[tables.Row] = []
    added, done = min(goal, _BACKLOG), 0
    while done < goal:
        worker.check()
        done = running.api.completed()
        memory = worker.memory()
        samples.append({"pictures": done, "pss_mb": memory.pss_mb, "rss_mb": memory.rss_mb})
        more = min(goal - added, _BACKLOG - (added - done))
        running.api.add_all(bench.pictures.different(more))
        added += more
        time.sleep(_PAUSE_S)
    return samples


def _growth(samples: list[tables.Row]) -> dict[str, float]:
    """How memory changes after the first fifth of the pictures."""
    warm = _WARM_UP_SHARE * samples[-1]["pictures"]
    later = [sample for sample in samples if sample["pictures"] >= warm]
    if len(later) < 3:
        return {"slope_mb": 0.0, "change_mb": 0.0, "range_mb": 0.0}
    pictures = [float(sample["pictures"]) for sample in later]
    pss_mb = [sample["pss_mb"] for sample in later]
    tenth = max(1, len(later) // 10)
    return {
        "slope_mb": 10_000 * statistics.linear_regression(pictures, pss_mb).slope,
        "change_mb": statistics.mean(pss_mb[-tenth:]) - statistics.mean(pss_mb[:tenth]),
        "range_mb": max(pss_mb) - min(pss_mb),
    }
