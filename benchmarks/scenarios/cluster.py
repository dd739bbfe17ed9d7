"""`classify --engine ray` beside the local engine on one machine, and on simulated nodes."""

import argparse
import contextlib
import json
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy
import psutil
from harness import tables
from harness.bench import HERE, Bench
from harness.pictures import write_all
from harness.processes import MeasurementFailed

HELP = "`classify --engine ray`: its overhead on this machine, and 1 to 8 simulated nodes"

_TIMEOUT_S = 1800.0
_NODES = (1, 2, 4, 8)
_SAMPLE_S = 0.25
_RATE = re.compile(r"([\d.]+) pictures/s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    add = parser.add_argument
    add("--partition", type=int, default=200, metavar="N", help="pictures each; default: 200")
    add("--cost", type=float, default=0.05, metavar="S", help="of a simulated picture; 0.05")
    add("--each", type=int, default=600, metavar="N", help="pictures of a simulated node; 600")
    add("--only", choices=("overhead", "scaling"), help="leave the other half out")


def measure(bench: Bench) -> tables.Row:
    """The overhead in rounds, then the simulated nodes in rounds."""
    overhead: list[tables.Row] = []
    scaling: list[tables.Row] = []
    for number in range(1, bench.rounds + 1):
        if bench.options.only != "scaling":
            for model in bench.models:
                with bench.folder() as folder:
                    row = {"round": number, "model": model, **_compare(bench, model, folder)}
                overhead.append(row)
                print(row, flush=True)
        for nodes in _NODES if bench.options.only != "overhead" else ():
            with bench.folder() as folder:
                row = {"round": number, **_simulate(bench, nodes, folder)}
            scaling.append(row)
            print(row, flush=True)
    return {
        "partition": bench.options.partition,
        "cost_s": bench.options.cost,
        "overhead": overhead,
        "scaling": scaling,
    }


def table(results: tables.Row) -> str:
    """Two tables: pictures a second by engine, and by nodes."""
    models: dict[str, list[tables.Row]] = {}
    for row in results["overhead"]:
        models.setdefault(row["model"], []).append(row)
    lines = []
    for model, rows in models.items():
        local = tables.median(rows, "local")
        for engine in ("local", "partitions", "ray", "ray_whole"):
            cpu_ms = f"{engine}_cpu_ms"
            lines.append(
                (
                    engine,
                    model,
                    tables.shown(tables.median(rows, engine)),
                    tables.raw(rows, engine),
                    tables.ratio(tables.median(rows, engine), local),
                    tables.shown(tables.median(rows, cpu_ms), 2),
                    tables.raw(rows, cpu_ms, 2),
                )
            )
    nodes: dict[int, list[tables.Row]] = {}
    for row in results["scaling"]:
        nodes.setdefault(row["nodes"], []).append(row)
    one = tables.median(nodes.get(1, ()), "per_second")
    scaled = [
        (
            str(count),
            tables.shown(tables.median(rows, "per_second")),
            tables.raw(rows, "per_second"),
            tables.ratio(tables.median(rows, "per_second"), one and count * one),
            tables.shown(tables.median(rows, "driver_cpu_ms_a_partition")),
        )
        for count, rows in nodes.items()
    ]
    return f"{tables.markdown(_OVERHEAD, lines)}\n\n{tables.markdown(_SCALING, scaled)}"


_OVERHEAD = (
    "engine",
    "model",
    "pictures/s",
    "each round",
    "of local",
    "CPU ms/picture",
    "each round",
)
_SCALING = ("nodes", "pictures/s", "each round", "efficiency", "driver, CPU ms a partition")


def _compare(bench: Bench, model: str, folder: Path) -> tables.Row:
    """The same folder by the local engine, by an actor without Ray, and by Ray."""
    pictures = folder / "pictures"
    write_all(bench.pictures.different(bench.count), pictures)
    size = str(bench.options.partition)
    classify = [bench.worker_python, "-m", "taskworker_classifyimage", "classify", str(pictures)]
    classify += ["--model", model, "--device", "cpu"]
    one = folder / "one"
    one.mkdir()
    (one / "1.jpg").write_bytes(bench.pictures.different(1)[0])
    start = _Watched(
        [*classify[:4], str(one), *classify[5:], "--output", str(folder / "1.parquet")]
    )
    local = _Watched([*classify, "--output", str(folder / "rows.parquet")])
    script = str(HERE / "contenders" / "partitions.py")
    destination = str(folder / "partitions")
    command = [bench.worker_python, script, str(pictures), destination, model, size]
    partitions = json.loads(_run(command).stdout)["per_second"]
    rows, begin_s = folder / "rows", time.perf_counter()
    ray = _Watched([*classify, "--engine", "ray", "--output", str(rows), "--partition-size", size])
    whole_s = time.perf_counter() - begin_s
    written_s = sorted(each.stat().st_mtime for each in rows.glob("part-*.parquet"))
    between = bench.count - bench.options.partition
    rate = _RATE.search(local.printed)
    if rate is None or len(written_s) * bench.options.partition != bench.count:
        raise MeasurementFailed("--count has to be a multiple of --partition")
    return {
        "local": float(rate[1]),
        "partitions": partitions,
        # From the first partition's end to the last one's, as without the start of the local one.
        "ray": between / (written_s[-1] - written_s[0]),
        "ray_whole": bench.count / whole_s,
        "local_cpu_ms": 1000 * (local.cpu_s - start.cpu_s) / (bench.count - 1),
        "ray_cpu_ms": 1000 * (ray.cpu_at(written_s[-1]) - ray.cpu_at(written_s[0])) / between,
    }


class _Watched:
    """A command that has ended, and the CPU seconds of all its processes as they passed.

    Attributes:
        printed: what it said on standard error.
    """

    def __init__(self, command: Sequence[str]) -> None:
        spent: dict[int, float] = {}
        self._samples: list[tuple[float, float]] = []
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, encoding="utf-8"
        ) as process:
            tree = psutil.Process(process.pid)
            while process.poll() is None:
                with contextlib.suppress(psutil.Error):
                    for each in [tree, *tree.children(recursive=True)]:
                        with contextlib.suppress(psutil.Error):
                            times = each.cpu_times()
                            spent[each.pid] = times.user + times.system
                self._samples.append((time.time(), sum(spent.values())))
                time.sleep(_SAMPLE_S)
            assert process.stderr is not None
            self.printed = process.stderr.read()
        if process.returncode != 0:
            raise MeasurementFailed(f"{command} ended: {self.printed[-2000:]}")

    @property
    def cpu_s(self) -> float:
        """All of it."""
        return self._samples[-1][1]

    def cpu_at(self, when_s: float) -> float:
        """What was spent by then."""
        return float(numpy.interp(when_s, *zip(*self._samples, strict=True)))


def _simulate(bench: Bench, nodes: int, folder: Path) -> tables.Row:
    options = bench.options
    # Partitions of some seconds, as with real pictures.
    size = max(1, options.each // 12)
    script = str(HERE / "contenders" / "sleeping_cluster.py")
    numbers = map(str, (nodes, options.each, options.cost, size))
    told = _run([bench.worker_python, script, *numbers, str(folder / "run")])
    row: tables.Row = json.loads(told.stdout.splitlines()[-1])
    if row["actors"] != nodes:
        raise MeasurementFailed(f"{row['actors']} actors worked on {nodes} nodes")
    return row


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    ended = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=_TIMEOUT_S, check=False
    )
    if ended.returncode != 0:
        raise MeasurementFailed(f"{command} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return ended
