"""The worker far from its bridge: the same backlog with and without an added round trip."""

import argparse

from harness import backlog, tables
from harness.bench import Bench
from harness.slow_network import SlowNetwork

HELP = "the worker with an added round trip to the bridge"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    parser.add_argument(
        "--round-trip-ms", type=float, nargs="+", default=[0.0, 100.0], help="default: 0 100"
    )


def measure(bench: Bench) -> tables.Row:
    """Every model with every round trip, once a round, through the proxy even for 0 ms."""
    rows: list[tables.Row] = []
    for number in range(1, bench.rounds + 1):
        for model in bench.models:
            for bridge in bench.bridges:
                for added_ms in bench.options.round_trip_ms:
                    with (
                        bench.folder() as folder,
                        bridge.run(folder) as running,
                        SlowNetwork(running.api.url, added_ms / 1000) as network,
                    ):
                        worker = bench.worker(network.url, model, folder)
                        pictures = bench.pictures.different(bench.count)
                        measured = backlog.work_off(running, pictures, worker)
                    about = {"model": model, "bridge": bridge.name, "added_ms": added_ms}
                    rows.append({**about, "round": number, **measured})
                    print(f"round {number}: {about}: {measured['per_second']:.1f}/s", flush=True)
    return {"rows": rows}


def table(results: tables.Row) -> str:
    """One line for each round trip, compared with the first one."""
    groups: dict[tuple[str, str, float], list[tables.Row]] = {}
    for row in results["rows"]:
        groups.setdefault((row["bridge"], row["model"], row["added_ms"]), []).append(row)
    first_ms = results["rows"][0]["added_ms"]
    lines = []
    for (bridge, model, added_ms), rows in groups.items():
        base = groups[bridge, model, first_ms]
        rate, steady = tables.median(rows, "per_second"), tables.median(rows, "steady_per_second")
        lines.append(
            (
                bridge,
                model,
                tables.shown(added_ms, 0),
                tables.shown(rate),
                tables.raw(rows, "per_second"),
                tables.ratio(rate, tables.median(base, "per_second")),
                tables.shown(steady),
                tables.ratio(steady, tables.median(base, "steady_per_second")),
                tables.shown(tables.median(rows, "cpu_ms"), 2),
            )
        )
    return tables.markdown(_HEADER, lines)


_HEADER = (
    "bridge",
    "model",
    "added ms",
    "pictures/s",
    "each round",
    "ratio",
    "steady pictures/s",
    "ratio",
    "CPU ms/picture",
)
