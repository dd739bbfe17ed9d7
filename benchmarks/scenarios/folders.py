"""A folder of pictures by one command: `classify`, the bare loop, and the tools people use."""

import argparse
import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness import tables
from harness.bare_loop import run_limit
from harness.bench import HERE, Bench
from harness.pictures import write_all
from harness.processes import MeasurementFailed

HELP = "`classify FOLDER` beside the bare loop, timm, Keras and ultralytics"

_TIMEOUT_S = 1800.0
#: What the folder command says it did in a second, without its start.
_RATE = re.compile(r"([\d.]+) pictures/s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument("--camera", action="store_true", help="12 megapixels instead")
    parser.add_argument(
        "--tools",
        nargs="*",
        default=[],
        metavar="NAME=PYTHON",
        help="timm, keras or ultralytics, and a Python that has it",
    )


def measure(bench: Bench) -> tables.Row:
    """Every contender once a round."""
    rows: list[tables.Row] = []
    for number in range(1, bench.rounds + 1):
        for (contender, model), run in _cases(bench).items():
            row: tables.Row = {"round": number, "load_before": os.getloadavg()[0]}
            row |= {"contender": contender, "model": model}
            try:
                with bench.folder() as folder:
                    row |= run(folder)
            except (OSError, MeasurementFailed) as failure:
                row["failed"] = True
                print(failure)
            rows.append(row)
            print(
                f"round {number}: {contender} {model}: {row.get('per_second', 0):.1f}/s", flush=True
            )
    return {"rows": rows, "camera": bench.options.camera}


def _cases(bench: Bench) -> dict[tuple[str, str], Callable[[Path], tables.Row]]:
    pictures = bench.pictures
    make = pictures.twelve_megapixels if bench.options.camera else pictures.different
    cases: dict[tuple[str, str], Callable[[Path], tables.Row]] = {}
    for model in bench.models:
        command = [bench.worker_python, "-m", "taskworker_classifyimage", "classify"]
        command += ["--model", model, "--output", "{folder}/rows.jsonl"]
        cases["limit", model] = partial(run_limit, bench, model, make=make)
        cases["classify", model] = partial(_run, bench.count, command, make)
    for tool, _, python in (each.partition("=") for each in bench.options.tools):
        command = [python, str(HERE / "contenders" / "folder_tools.py"), tool]
        cases[tool, ""] = partial(_run, bench.count, command, make)
    return cases


def table(results: tables.Row) -> str:
    """One line a contender: medians over the rounds."""
    groups: dict[tuple[str, str], list[tables.Row]] = {}
    for row in results["rows"]:
        groups.setdefault((row["contender"], row["model"]), []).append(row)
    limits = {
        model: tables.median(rows, "per_second")
        for (contender, model), rows in groups.items()
        if contender == "limit"
    }
    header = ("contender", "model", "pictures/s", "each round", "of limit", "whole/s", "CPU ms")
    lines = [
        (
            contender,
            model,
            tables.shown(tables.median(rows, "per_second")),
            tables.raw(rows, "per_second"),
            tables.ratio(tables.median(rows, "per_second"), limits.get(model)),
            tables.shown(tables.median(rows, "whole_per_second")),
            tables.shown(tables.median(rows, "cpu_ms"), 2),
        )
        for (contender, model), rows in groups.items()
    ]
    return tables.markdown(header, lines)


def _run(
    count: int, command: Sequence[str], make: Callable[[int], list[bytes]], folder: Path
) -> tables.Row:
    """Runs a command on a folder, from its start to its end."""
    pictures = make(count)
    write_all(pictures, folder / "pictures")
    before, begin_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        [*(each.replace("{folder}", str(folder)) for each in command), str(folder / "pictures")],
        capture_output=True,
        encoding="utf-8",
        timeout=_TIMEOUT_S,
        check=False,
    )
    whole_s = time.perf_counter() - begin_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode != 0:
        raise MeasurementFailed(f"{command} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    used_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    rate = _RATE.search(ended.stderr)
    whole = len(pictures) / whole_s
    return {
        "pictures": len(pictures),
        "per_second": float(rate[1]) if rate else whole,
        "whole_per_second": whole,
        "cpu_ms": 1000 * used_s / len(pictures),
    }
