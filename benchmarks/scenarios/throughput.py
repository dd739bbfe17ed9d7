"""Pictures a second and CPU a picture of every contender, in rounds: A B C, A B C, A B C."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from harness import backlog, push, tables
from harness.bare_loop import run_limit
from harness.bench import Bench
from harness.bridges import Bridge
from harness.processes import MeasurementFailed, free_port

HELP = "all contenders side by side"


@dataclass(frozen=True)
class Case:
    """One contender with what it works with."""

    contender: str
    model: str
    bridge: str
    run: Callable[[Path], tables.Row]

    @property
    def title(self) -> str:
        """What --only is compared with, such as "worker/embedded/EfficientNetLite0"."""
        return "/".join(part for part in (self.contender, self.bridge, self.model) if part)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument("--only", nargs="*", default=["*"], metavar="PATTERN", help="cases to run")
    parser.add_argument("--connections", type=int, default=16, help="to each peer; default: 16")
    parser.add_argument(
        "--original-count", type=int, metavar="N", help="pictures for the original; default: all"
    )


def measure(bench: Bench) -> tables.Row:
    """Runs every case once a round."""
    rows: list[tables.Row] = []
    cases = [
        case
        for case in _cases(bench)
        if any(fnmatch(case.title, pattern) for pattern in bench.options.only)
    ]
    for number in range(1, bench.rounds + 1):
        for case in cases:
            row: tables.Row = {"round": number, "load_before": os.getloadavg()[0]}
            row |= {"contender": case.contender, "bridge": case.bridge}
            # A model pack is named by its path, and called by its folder.
            row["model"] = Path(case.model).name
            try:
                with bench.folder() as folder:
                    row |= case.run(folder)
            except (OSError, MeasurementFailed) as failure:
                # The others go on: a whole run takes long, and the table shows the gap. The reason
                # is for whoever watches: it is full of this machine's folders.
                row["failed"] = True
                print(failure, file=sys.stderr)
            rows.append(row)
            print(f"round {number}: {case.title}: {_outcome(row)}", flush=True)
    return {"rows": rows}


def _outcome(row: tables.Row) -> str:
    if "failed" in row:
        return "FAILED"
    return f"{row['per_second']:.1f}/s, {row['cpu_ms']:.2f} ms of CPU a picture"


def table(results: tables.Row) -> str:
    """One line a case: medians over the rounds, and how they compare."""
    groups: dict[tuple[str, str, str], list[tables.Row]] = {}
    for row in results["rows"]:
        groups.setdefault((row["contender"], row["bridge"], row["model"]), []).append(row)
    lines = []
    for (contender, bridge, model), rows in groups.items():
        failed = sum("failed" in row for row in rows)
        failures = f" ({failed} of {len(rows)} failed)" if failed else ""
        rate, cpu = tables.median(rows, "per_second"), tables.median(rows, "cpu_ms")
        limit = groups.get(("limit", "", model), [])
        mosec = groups.get(("mosec", "", model), [])
        original = groups.get(("original", bridge, "MobileNetV3Large"), [])
        lines.append(
            (
                f"{contender} {bridge}".strip() + failures,
                model,
                tables.shown(rate),
                tables.raw(rows, "per_second"),
                tables.shown(cpu, 2),
                tables.ratio(cpu, tables.median(limit, "cpu_ms")),
                tables.ratio(rate, tables.median(limit, "per_second")),
                tables.ratio(rate, tables.median(mosec, "per_second")),
                tables.ratio(rate, tables.median(original, "per_second"), 1),
                tables.shown(tables.median(rows, "bridge_cpu_ms"), 2),
                tables.shown(tables.median(rows, "p50_ms"), 0),
                tables.shown(tables.median(rows, "p95_ms"), 0),
                tables.shown(tables.median(rows, "pss_mb"), 0),
            )
        )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "contender",
    "model",
    "pictures/s",
    "each round",
    "CPU ms/picture",
    "CPU : limit",
    "speed : limit",
    "speed : mosec",
    "speed : original",
    "bridge CPU ms",
    "p50 ms",
    "p95 ms",
    "PSS MB",
)


def _cases(bench: Bench) -> Iterator[Case]:
    for model in bench.models:
        yield _limit(bench, model)
        for bridge in bench.bridges:
            yield _worker(bench, bridge, model)
        if bench.peers_python:
            yield from _peers(bench, model)
    if bench.original_python:
        for bridge in bench.bridges:
            yield _original(bench, bridge)


def _limit(bench: Bench, model: str) -> Case:
    def run(folder: Path) -> tables.Row:
        return run_limit(bench, model, folder)

    return Case("limit", model, "", run)


def _worker(bench: Bench, bridge: Bridge, model: str) -> Case:
    def run(folder: Path) -> tables.Row:
        with bridge.run(folder) as running:
            worker = bench.worker(running.api.url, model, folder)
            return backlog.work_off(running, bench.pictures.different(bench.count), worker)

    return Case("worker", model, bridge.name, run)


def _original(bench: Bench, bridge: Bridge) -> Case:
    count = bench.options.original_count or bench.count

    def run(folder: Path) -> tables.Row:
        with bridge.run(folder) as running:
            worker = bench.original(running.api.url, folder)
            return backlog.work_off(running, bench.pictures.different(count), worker)

    return Case("original", "MobileNetV3Large", bridge.name, run)


def _peers(bench: Bench, model: str) -> Iterator[Case]:
    for server, path, as_form in (("mosec", "/inference", False), ("litserve", "/predict", True)):
        for decoder, suffix in (("pillow", ""), ("own", "-own-decoder")):
            yield Case(
                server + suffix, model, "", _peer(bench, server, decoder, model, path, as_form)
            )


def _peer(
    bench: Bench, server: str, decoder: str, model: str, path: str, as_form: bool
) -> Callable[[Path], tables.Row]:
    def run(folder: Path) -> tables.Row:
        door = push.Door(free_port(), path, as_form)
        program = bench.peer(server, decoder, model, door.port, folder)
        pictures = bench.pictures.different(bench.count)
        return push.push(door, pictures, program, bench.options.connections)

    return run
