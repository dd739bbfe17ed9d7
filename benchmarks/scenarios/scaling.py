"""The worker on machines with up to 64 cores, by simulation: see contenders/simulated_worker.py.

What is simulated takes no CPU, so all the CPU that is used here is what worker, decoders and bridge
need besides decoding and inference. They share this machine's cores: where these are used up, the
simulation ends, which the table says.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from contenders.simulated_decode import make_picture
from harness import backlog, tables
from harness.bench import HERE, WORKER_NAME, Bench, cores
from harness.processes import Program

HELP = "the worker with 2 to 64 simulated cores"

_MODEL = "EfficientNetLite0"
_PICTURE_BYTES = 104_000
#: A measurement lasts about so long if nothing limits it.
_SECONDS = 6.0
_LEAST_PICTURES = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    add = parser.add_argument
    add("--cores", type=int, nargs="+", default=[2, 4, 8, 16, 32, 64], metavar="N")
    add("--workers", type=int, default=1, metavar="N", help="that share the cores; default: 1")
    add("--decode-ms", type=float, default=16.0, metavar="MS", help="default: 16")
    add("--infer-ms", type=float, default=16.0, metavar="MS", help="default: 16")


def measure(bench: Bench) -> tables.Row:
    """Every number of cores once a round."""
    options, rows = bench.options, []
    picture_s = (options.decode_ms + options.infer_ms) / 1000
    for number in range(1, bench.rounds + 1):
        for simulated in options.cores:
            ideal = simulated / picture_s
            count = max(_LEAST_PICTURES, int(ideal * _SECONDS))
            pictures = [
                make_picture(options.decode_ms, each, _PICTURE_BYTES) for each in range(count)
            ]
            with bench.folder() as folder, bench.bridges[0].run(folder) as running:
                worker = _simulated(bench, running.api.url, simulated, folder)
                row: tables.Row = {"load_before": os.getloadavg()[0]}
                row |= backlog.work_off(running, pictures, worker)
            used = row["per_second"] * (row["cpu_ms"] + row["bridge_cpu_ms"]) / 1000
            row |= {"round": number, "cores": simulated, "ideal": ideal, "real_cores_used": used}
            rows.append(row)
            print(f"round {number}: {simulated} cores: {row['per_second']:.0f}/s", flush=True)
    about = {"decode_ms": options.decode_ms, "infer_ms": options.infer_ms, "real_cores": cores()}
    about["workers"] = options.workers
    return {"rows": rows, **about}


def table(results: tables.Row) -> str:
    """One line for each number of cores: medians over the rounds."""
    lines = []
    for simulated in dict.fromkeys(row["cores"] for row in results["rows"]):
        rows = [row for row in results["rows"] if row["cores"] == simulated]
        rate, ideal = tables.median(rows, "per_second"), rows[0]["ideal"]
        lines.append(
            (
                str(simulated),
                tables.shown(ideal, 0),
                tables.shown(rate, 0),
                tables.raw(rows, "per_second", 0),
                tables.ratio(rate, ideal),
                tables.shown(tables.median(rows, "cpu_ms"), 2),
                tables.shown(tables.median(rows, "own_cpu_ms"), 2),
                tables.shown(tables.median(rows, "bridge_cpu_ms"), 2),
                tables.shown(tables.median(rows, "real_cores_used"), 2),
            )
        )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "cores",
    "most possible/s",
    "pictures/s",
    "each round",
    "efficiency",
    "worker CPU ms",
    "of that main process",
    "bridge CPU ms",
    "real cores used",
)


def _simulated(bench: Bench, url: str, simulated: int, folder: Path) -> Program:
    options = bench.options
    command: Sequence[str] = [
        *(bench.worker_python or sys.executable, str(HERE / "contenders" / "simulated_worker.py")),
        *("--simulated-cores", str(simulated), "--infer-ms", str(options.infer_ms)),
        *("--workers", str(options.workers), "--worker", WORKER_NAME),
        *("--taskbridgeurl", url, "--model", _MODEL),
    ]
    return Program(command, folder / "worker.log")
