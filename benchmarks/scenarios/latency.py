"""An idle system: how soon one picture is answered, and what waiting costs."""

import argparse
import random
import statistics
import time
from collections.abc import Sequence

from harness import tables
from harness.api import Api
from harness.bench import Bench
from harness.processes import MeasurementFailed, Program
from harness.slow_network import SlowNetwork

HELP = "one picture at a time on an idle system, and the cost of idling"

_POLL_S = 0.005
_SETTLE_S = 3.0
_TIMEOUT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument("--times", type=int, default=21, metavar="N", help="default: 21")
    parser.add_argument("--idle-s", type=float, default=30.0, metavar="S", help="default: 30")


def measure(bench: Bench) -> tables.Row:
    """Each model, on each bridge."""
    rows = []
    for model in bench.models:
        for bridge in bench.bridges:
            with (
                bench.folder() as folder,
                bridge.run(folder) as running,
                SlowNetwork(running.api.url, 0.0) as network,
                bench.worker(network.url, model, folder) as worker,
            ):
                measured = _on(bench, running.api, worker, network)
            rows.append({"model": model, "bridge": bridge.name, **measured})
            print(f"{model}, {bridge.name}: measured", flush=True)
    return {"rows": rows}


def table(results: tables.Row) -> str:
    """One line for each model and bridge."""
    lines = []
    for row in results["rows"]:
        pick_ups = [each["pick_up_s"] for each in row["small"] if "pick_up_s" in each]
        large = [each["added_to_completed_s"] for each in row["large"]]
        small = [each["added_to_completed_s"] for each in row["small"]]
        lines.append(
            (
                row["bridge"],
                row["model"],
                tables.shown(statistics.median(large), 3),
                tables.shown(max(large), 3),
                tables.shown(statistics.median(small), 3),
                tables.shown(statistics.median(pick_ups) if pick_ups else None, 3),
                tables.shown(row["idle_requests_per_s"], 2),
                tables.shown(100 * row["idle_cpu_share"], 2),
            )
        )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "bridge",
    "model",
    "12 megapixels s (median)",
    "(max)",
    "photograph s (median)",
    "of that until taken s",
    "idle requests/s",
    "idle CPU % of a core",
)


def _on(bench: Bench, api: Api, worker: Program, network: SlowNetwork) -> tables.Row:
    times = bench.options.times
    # The first picture finds a worker that has just started.
    _one_by_one(api, bench.pictures.different(1), worker)
    large = _one_by_one(api, bench.pictures.twelve_megapixels(times), worker)
    small = _one_by_one(api, bench.pictures.different(times), worker)
    time.sleep(_SETTLE_S)
    requests, cpu_s, begin_s = network.requests, worker.cpu_s(), time.monotonic()
    time.sleep(bench.options.idle_s)
    seconds = time.monotonic() - begin_s
    return {
        "large": large,
        "small": small,
        "idle_requests_per_s": (network.requests - requests) / seconds,
        "idle_cpu_share": (worker.cpu_s() - cpu_s) / seconds,
    }


def _one_by_one(api: Api, pictures: Sequence[bytes], worker: Program) -> list[tables.Row]:
    """Adds each when the one before is done and the worker had nothing to do for a while."""
    measured = []
    for picture in pictures:
        # Not in step with the worker's polling.
        time.sleep(random.uniform(0.7, 1.3))
        begin_s = time.time()
        task_id = api.add(picture)
        while api.status(task_id) != "completed":
            worker.check()
            if time.time() - begin_s > _TIMEOUT_S:
                raise MeasurementFailed("one picture was not answered in time")
            time.sleep(_POLL_S)
        row = {"added_to_completed_s": time.time() - begin_s}
        task = api.tasks()[task_id]
        if task.get("startedat"):
            row["pick_up_s"] = (task["startedat"] - task["createdat"]) / 1000
        measured.append(row)
    return measured
