"""What a task costs the bridge, call by call, and how a long queue changes that."""

import argparse
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from harness import tables
from harness.api import Api
from harness.bench import HERE, WORKER_NAME, Bench
from harness.bridges import EMBEDDED, Bridge, RunningBridge
from harness.processes import percentile

HELP = "CPU of the bridge by call, and taking from a queue of a million tasks"

_WARM_UP = 20
#: Tasks in one call, as a worker with much to do asks for them.
_AT_ONCE = 32
_FILE_BYTES = 4 * 2**20
_RESULT = {
    "predictions": [
        {"class": f"n{number:08}", "name": "Angorakaninchen", "probability": 0.123456789}
        for number in range(10)
    ],
    "duration": 0.03,
    "library": "onnxruntime",
    "model": "EfficientNetLite2",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument(
        "--open-tasks", type=int, default=1_000_000, metavar="N", help="default: 1000000"
    )
    parser.add_argument("--takes", type=int, default=2000, metavar="N", help="default: 2000")


def measure(bench: Bench) -> tables.Row:
    """Calls on every bridge; takes from a long queue on the embedded one."""
    calls = []
    for number in range(1, bench.rounds + 1):
        for bridge in bench.bridges:
            with bench.folder() as folder, bridge.run(folder) as running:
                pictures = bench.pictures.different(bench.count)
                measured = _calls(running, pictures)
                several = _several(running, bench.pictures.different(bench.count))
                measured |= {} if several is None else {"several": several}
            calls.append({"bridge": bridge.name, "round": number, "cpu_ms": measured})
            print(f"round {number}: {bridge.name}: {measured}", flush=True)
    queues = [
        _queue(bench, bridge, open_tasks)
        for bridge in bench.bridges
        if bridge.name == EMBEDDED
        for open_tasks in (0, bench.options.open_tasks)
    ]
    return {"calls": calls, "queues": queues}


def table(results: tables.Row) -> str:
    """Two tables: CPU by call, and taking by length of the queue."""
    groups: dict[str, list[tables.Row]] = {}
    for row in results["calls"]:
        groups.setdefault(row["bridge"], []).append(row["cpu_ms"])
    lines = []
    for bridge, rows in groups.items():
        one_by_one = [tables.median(rows, call) or 0.0 for call in ("take", "file", "complete")]
        together = [{"sum": sum(row[c] for c in ("take", "file", "complete"))} for row in rows]
        lines.append(
            (
                bridge,
                tables.raw(together, "sum", 2),
                tables.shown(tables.median(rows, "add"), 2),
                *(tables.shown(each, 2) for each in one_by_one),
                tables.shown(tables.median(together, "sum"), 2),
                tables.shown(tables.median(rows, "several"), 2),
            )
        )
    queues = [
        (
            f"{row['open_tasks']:,}",
            str(row["takes"]),
            *(tables.shown(row[key], 2) for key in ("p50_ms", "p99_ms", "max_ms")),
            tables.shown(row["pss_idle_mb"]),
            tables.shown(row["pss_mb"]),
        )
        for row in results["queues"]
    ]
    return f"{tables.markdown(_CALLS, lines)}\n\n{tables.markdown(_QUEUES, queues)}"


_CALLS = (
    "bridge, CPU ms/call",
    "take + file + complete, each round",
    "add",
    "take",
    "file",
    "complete",
    "take + file + complete",
    f"{_AT_ONCE} at once",
)
_QUEUES = (
    "open tasks",
    "takes measured",
    "take p50 ms",
    "p99 ms",
    "max ms",
    "bridge PSS MB before",
    "after",
)


def _calls(running: RunningBridge, pictures: list[bytes]) -> dict[str, float]:
    """CPU milliseconds of the bridge's process for each call."""
    api = running.api
    warm_up = api.add_all(pictures[:_WARM_UP])
    for _ in warm_up:
        _complete(api, _file(api, _take(api)))
    ids: list[str] = []

    def each(do: Callable[[str], str]) -> float:
        begin_s = running.cpu_s()
        for number in range(len(ids)):
            ids[number] = do(ids[number])
        return 1000 * (running.cpu_s() - begin_s) / len(ids)

    begin_s = running.cpu_s()
    ids += api.add_all(pictures)
    add_ms = 1000 * (running.cpu_s() - begin_s) / len(ids)
    return {
        "add": add_ms,
        "take": each(lambda _: _take(api)),
        "file": each(lambda task_id: _file(api, task_id)),
        "complete": each(lambda task_id: _complete(api, task_id)),
    }


def _several(running: RunningBridge, pictures: list[bytes]) -> float | None:
    """CPU milliseconds for each picture, if many are taken and completed in one call.

    None: the bridge gives one task at a time.
    """
    api, done = running.api, 0
    api.add_all(pictures)
    begin_s = running.cpu_s()
    while task_ids := api.take_several("classifyimage", _AT_ONCE, _FILE_BYTES):
        if len(task_ids) == 1 and not done:
            return None
        results = [{"id": each, "result": _RESULT, "attempt": 1} for each in task_ids]
        api.json("POST", "tasks/complete/", {"results": results})
        done += len(task_ids)
    return 1000 * (running.cpu_s() - begin_s) / done


def _take(api: Api) -> str:
    # With a lease, as the worker asks; only the embedded bridge knows of it.
    asked = {"type": "classifyimage", "worker": WORKER_NAME, "abilities": {}, "lease": True}
    return str(api.json("POST", "tasks/take/", asked)["id"])


def _file(api: Api, task_id: str) -> str:
    api.call("GET", f"tasks/file/{task_id}/")
    return task_id


def _complete(api: Api, task_id: str) -> str:
    api.json("POST", f"tasks/complete/{task_id}/", {"result": _RESULT, "attempt": 1})
    return task_id


def _queue(bench: Bench, bridge: Bridge, open_tasks: int) -> tables.Row:
    """Times of single takes, as a client sees them, from a queue of that length."""
    takes = bench.options.takes
    with bench.folder() as folder:
        _fill(bench, folder / "bridge-data", open_tasks + takes)
        with bridge.run(folder) as running:
            idle = running.program.memory() if running.program else None
            latencies_ms = []
            for _ in range(takes):
                begin_s = time.perf_counter()
                _take(running.api)
                latencies_ms.append(1000 * (time.perf_counter() - begin_s))
            busy = running.program.memory() if running.program else None
    row = {
        "open_tasks": open_tasks,
        "takes": takes,
        "p50_ms": percentile(latencies_ms, 50),
        "p99_ms": percentile(latencies_ms, 99),
        "max_ms": max(latencies_ms),
        "pss_idle_mb": idle.pss_mb if idle else None,
        "pss_mb": busy.pss_mb if busy else None,
    }
    print(row, flush=True)
    return row


def _fill(bench: Bench, data: Path, open_tasks: int) -> None:
    script = str(HERE / "harness" / "fill_store.py")
    subprocess.run([bench.worker_python, script, str(data), str(open_tasks)], check=True)
