"""What it costs to decode in other processes, and what it costs when they die."""

import argparse
import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from harness import backlog, tables
from harness.bench import Bench
from harness.processes import Program

HELP = "decoding in processes of its own against decoding in the worker"

_IN_PROCESS = "in the worker"
_APART = "in decoders"
_DYING = "in decoders that are killed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument(
        "--kill-every-s", type=float, default=0.5, metavar="S", help="a decoder; default: 0.5"
    )


def measure(bench: Bench) -> tables.Row:
    """Every model on every bridge, once a round."""
    rows: list[tables.Row] = []
    contenders: dict[str, tuple[Callable[..., Program], float]] = {
        _IN_PROCESS: (bench.worker_in_process, 0.0),
        _APART: (bench.worker, 0.0),
        _DYING: (bench.worker, bench.options.kill_every_s),
    }
    for number in range(1, bench.rounds + 1):
        for model in bench.models:
            for bridge in bench.bridges:
                for decodes, (make, kill_every_s) in contenders.items():
                    with bench.folder() as folder, bridge.run(folder) as running:
                        program = make(running.api.url, model, folder)
                        pictures = bench.pictures.different(bench.count)
                        with _killer(program, kill_every_s) as killed:
                            row = backlog.work_off(running, pictures, program)
                    about = {"model": model, "bridge": bridge.name, "decodes": decodes}
                    rows.append({**about, "round": number, "killed": len(killed), **row})
                    print(f"round {number}: {about}: {row['per_second']:.1f}/s", flush=True)
    return {"rows": rows}


@contextmanager
def _killer(program: Program, every_s: float) -> Iterator[list[int]]:
    """Kills one of a worker's decoders now and then; gives the list of their process ids."""
    killed: list[int] = []
    end = threading.Event()

    def run() -> None:
        while not end.wait(every_s):
            # It may not have started yet, or has no decoder at this moment.
            with contextlib.suppress(AttributeError, IndexError, psutil.Error):
                victim = random.choice(program.grandchildren())
                victim.kill()
                killed.append(victim.pid)

    thread = threading.Thread(target=run)
    if every_s:
        thread.start()
    try:
        yield killed
    finally:
        end.set()
        if every_s:
            thread.join()


def table(results: tables.Row) -> str:
    """One line for each model, bridge and way to decode."""
    groups: dict[tuple[str, str], dict[str, list[tables.Row]]] = {}
    for row in results["rows"]:
        group = groups.setdefault((row["bridge"], row["model"]), {})
        group.setdefault(row["decodes"], []).append(row)
    lines = []
    for (bridge, model), group in groups.items():
        base = group[_IN_PROCESS]
        for decodes, rows in group.items():
            rate, cpu = tables.median(rows, "per_second"), tables.median(rows, "cpu_ms")
            lines.append(
                (
                    bridge,
                    model,
                    decodes,
                    tables.shown(rate),
                    tables.raw(rows, "per_second"),
                    tables.ratio(rate, tables.median(base, "per_second")),
                    tables.shown(cpu, 2),
                    tables.ratio(cpu, tables.median(base, "cpu_ms")),
                    tables.shown(tables.median(rows, "pss_mb"), 0),
                    tables.raw(rows, "killed", 0),
                )
            )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "bridge",
    "model",
    "decodes",
    "pictures/s",
    "each round",
    "ratio",
    "CPU ms/picture",
    "ratio",
    "PSS MB",
    "decoders killed",
)
