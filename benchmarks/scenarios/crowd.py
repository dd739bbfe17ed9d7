"""A worker alone at the embedded bridge, and beside pages and clients that wait there."""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import backlog, tables
from harness.api import Api
from harness.bench import HERE, Bench
from harness.bridges import RunningBridge
from harness.processes import MeasurementFailed, MemoryWatch

HELP = "a worker beside 1,000 pages and 1,000 clients that wait at the embedded bridge"

_ALONE, _BESIDE = "alone", "beside the crowd"
_WAITING = re.compile(r'bridge_waiting_calls\{kind="(\w+)"\} (\d+)')
_TIMEOUT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument("--streams", type=int, default=1000, metavar="N", help="default: 1000")
    parser.add_argument("--statuses", type=int, default=1000, metavar="N", help="default: 1000")


def measure(bench: Bench) -> tables.Row:
    """Alone and beside the crowd, once a round each."""
    _allow_descriptors()
    rows: list[tables.Row] = []
    for number in range(1, bench.rounds + 1):
        for model in bench.models:
            for where in (_ALONE, _BESIDE):
                row: tables.Row = {"round": number, "model": model, "where": where}
                row["load_before"] = os.getloadavg()[0]
                with bench.folder() as folder, bench.bridges[0].run(folder) as running:
                    row |= _work_off(bench, running, model, folder, is_crowded=where == _BESIDE)
                rows.append(row)
                print(f"round {number}: {model} {where}: {row['per_second']:.1f}/s", flush=True)
    options = bench.options
    return {"rows": rows, "streams": options.streams, "statuses": options.statuses}


def table(results: tables.Row) -> str:
    """One line for each model, alone and beside the crowd."""
    groups: dict[tuple[str, str], list[tables.Row]] = {}
    for row in results["rows"]:
        groups.setdefault((row["model"], row["where"]), []).append(row)
    lines = []
    for (model, where), rows in groups.items():
        alone = groups[model, _ALONE]
        ratios = [
            one["per_second"] / other["per_second"] for one, other in zip(rows, alone, strict=True)
        ]
        is_alone = where == _ALONE
        lines.append(
            (
                where,
                model,
                tables.shown(tables.median(rows, "per_second")),
                tables.raw(rows, "per_second"),
                "" if is_alone else ", ".join(f"{ratio:.2f}" for ratio in ratios),
                tables.shown(tables.median(rows, "cpu_ms"), 2),
                tables.shown(tables.median(rows, "bridge_cpu_ms"), 2),
                tables.shown(tables.median(rows, "bridge_pss_mb")),
                "" if is_alone else tables.raw(rows, "lost", 0),
            )
        )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "worker",
    "model",
    "pictures/s",
    "each round",
    "beside : alone",
    "CPU ms/picture",
    "bridge CPU ms",
    "bridge PSS MB",
    "lost",
)


def _work_off(
    bench: Bench, running: RunningBridge, model: str, folder: Path, *, is_crowded: bool
) -> tables.Row:
    assert running.program is not None
    pictures = bench.pictures.different(bench.count)
    worker = bench.worker(running.api.url, model, folder)
    if not is_crowded:
        with MemoryWatch(running.program) as memory:
            row = backlog.work_off(running, pictures, worker)
        return {**row, "bridge_pss_mb": memory.peak.pss_mb}
    options = bench.options
    with (
        MemoryWatch(running.program) as memory,
        _crowd(running.api, options.streams, options.statuses) as told,
    ):
        row = backlog.work_off(running, pictures, worker)
    # A stream that ended, and a call that was not answered as it should be; pictures are checked.
    lost = options.streams - told["streams"] + told.get("wrong_answers", 0)
    return {**row, **told, "lost": lost, "bridge_pss_mb": memory.peak.pss_mb}


@contextmanager
def _crowd(api: Api, streams: int, statuses: int) -> Iterator[dict[str, int]]:
    """Keeps a crowd at the bridge; its counts are there after the block."""
    script = str(HERE / "contenders" / "crowd.py")
    command = [sys.executable, script, api.url, "--streams", str(streams)]
    told: dict[str, int] = {}
    with subprocess.Popen(
        [*command, "--statuses", str(statuses)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(HERE)},
    ) as crowd:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        try:
            if crowd.stdout.readline() != "ready\n":
                raise MeasurementFailed("the crowd did not come together")
            _wait_until_there(api, {"events": streams, "status": statuses})
            yield told
            print(file=crowd.stdin, flush=True)
            told |= json.loads(crowd.stdout.readline())
        finally:
            crowd.terminate()


def _wait_until_there(api: Api, expected: dict[str, int]) -> None:
    deadline_s = time.monotonic() + _TIMEOUT_S
    while True:
        waiting = {kind: int(count) for kind, count in _WAITING.findall(api.metrics())}
        if all(waiting.get(kind) == count for kind, count in expected.items()):
            return
        if time.monotonic() > deadline_s:
            raise MeasurementFailed(f"of {expected}, only {waiting} wait at the bridge")
        time.sleep(0.2)


def _allow_descriptors() -> None:
    """Bridge and crowd need one for each connection; programs inherit the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
