"""Pictures that come again: 1000 different ones against 1000 of which 900 repeat 10 pictures."""

import argparse
import random

from harness import backlog, tables
from harness.bench import Bench

HELP = "a backlog in which most pictures come again and again"

_REPEATED_SHARE = 0.9
_REPEATED_PICTURES = 10
_SEED = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument("--tasks", type=int, default=1000, metavar="N", help="default: 1000")


def measure(bench: Bench) -> tables.Row:
    """Both backlogs for every bridge and model, once a round."""
    rows: list[tables.Row] = []
    for number in range(1, bench.rounds + 1):
        for model in bench.models:
            for bridge in bench.bridges:
                for kind in ("different", "repeated"):
                    pictures = _backlog(bench, kind)
                    with bench.folder() as folder, bridge.run(folder) as running:
                        worker = bench.worker(running.api.url, model, folder)
                        measured = backlog.work_off(running, pictures, worker)
                    about = {"model": model, "bridge": bridge.name, "backlog": kind}
                    rows.append({**about, "round": number, **measured})
                    print(f"round {number}: {about}: {measured['per_second']:.1f}/s", flush=True)
    return {"rows": rows}


def table(results: tables.Row) -> str:
    """One line for each bridge and model."""
    groups: dict[tuple[str, str], dict[str, list[tables.Row]]] = {}
    for row in results["rows"]:
        group = groups.setdefault((row["bridge"], row["model"]), {})
        group.setdefault(row["backlog"], []).append(row)
    lines = []
    for (bridge, model), group in groups.items():
        different, repeated = group["different"], group["repeated"]
        rates = [tables.median(rows, "per_second") for rows in (different, repeated)]
        lines.append(
            (
                bridge,
                model,
                tables.shown(rates[0]),
                tables.raw(different, "per_second"),
                tables.shown(rates[1]),
                tables.raw(repeated, "per_second"),
                tables.ratio(rates[1], rates[0]),
                tables.shown(tables.median(repeated, "cpu_ms"), 2),
                tables.shown(tables.median(repeated, "bridge_cpu_ms"), 2),
            )
        )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "bridge",
    "model",
    "different/s",
    "each round",
    "repeated/s",
    "each round",
    "ratio",
    "CPU ms/picture (repeated)",
    "bridge CPU ms (repeated)",
)


def _backlog(bench: Bench, kind: str) -> list[bytes]:
    tasks = bench.options.tasks
    if kind == "different":
        return bench.pictures.different(tasks)
    repeats = int(tasks * _REPEATED_SHARE)
    often = bench.pictures.different(_REPEATED_PICTURES)
    mixed = bench.pictures.different(tasks - repeats)
    mixed += [often[number % _REPEATED_PICTURES] for number in range(repeats)]
    random.Random(_SEED).shuffle(mixed)
    return mixed
