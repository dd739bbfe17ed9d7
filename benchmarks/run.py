"""Measures how fast the worker is, side by side with others, on the cores that this may use.

    python benchmarks/run.py SCENARIO --pictures FOLDER [flags]

Writes results/SCENARIO.json and prints a Markdown table; `--show` prints the table of results that
are there. README.md says what is measured and how.
"""

import argparse
import json
import sys
from pathlib import Path

from harness import tables
from harness.bench import HERE, Bench
from harness.bridges import Bridge, embedded, parse_bridge
from harness.pictures import FORMATS, Pictures
from harness.processes import MeasurementFailed
from scenarios import (
    bridge_cost,
    cluster,
    crowd,
    folders,
    isolation,
    latency,
    repeats,
    round_trip,
    same_network,
    scaling,
    start_memory,
    throughput,
)

_SCENARIOS = {
    "throughput": throughput,
    "same-network": same_network,
    "round-trip": round_trip,
    "start-memory": start_memory,
    "latency": latency,
    "repeats": repeats,
    "bridge-cost": bridge_cost,
    "isolation": isolation,
    "folders": folders,
    "cluster": cluster,
    "crowd": crowd,
    "scaling": scaling,
}
_MODELS = ("EfficientNetLite0", "EfficientNetLite2")


def main() -> int:
    """Runs one scenario."""
    options = _parser().parse_args()
    scenario = _SCENARIOS[options.scenario]
    path = options.results / f"{options.scenario}.json"
    if not options.show:
        if options.pictures is None:
            print("--pictures FOLDER is needed", file=sys.stderr)
            return 2
        try:
            results = scenario.measure(_bench(options))
        except MeasurementFailed as failure:
            print(f"failed: {failure}", file=sys.stderr)
            return 1
        tables.save(path, results, _command())
    results = json.loads(path.read_text(encoding="utf-8"))
    print(f"\n{results['machine']}; {results['when']}\n\n{scenario.table(results)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    for name, scenario in _SCENARIOS.items():
        command = commands.add_parser(name, help=scenario.HELP, description=scenario.__doc__)
        _add_common_arguments(command)
        scenario.add_arguments(command)
    return parser


def _add_common_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--pictures", type=Path, metavar="FOLDER", help="JPEG, PNG and HEIC files")
    add("--formats", nargs="+", choices=FORMATS, default=FORMATS, help="of them; default: all")
    add("--count", type=int, default=400, metavar="N", help="pictures each; default: 400")
    add("--rounds", type=int, default=3, metavar="N", help="default: 3")
    add("--models", nargs="+", default=_MODELS, metavar="NAME", help=f"default: {_MODELS}")
    add(
        "--bridge-command",
        action="append",
        default=[],
        type=parse_bridge,
        metavar="NAME=COMMAND",
        help="another bridge: a start command with {port} and {data} in it, or its URL; repeatable",
    )
    add("--no-embedded", action="store_true", help="leave the embedded bridge out")
    add("--worker-python", default=sys.executable, help="Python with this project; default: this")
    add("--worker-flags", default="", metavar="FLAGS", help='such as "--in-flight 8"')
    add("--original-python", default="", help="Python of requirements-original.txt")
    add("--peers-python", default="", help="Python of requirements-peers.txt")
    add("--results", type=Path, default=HERE / "results", metavar="FOLDER")
    add("--show", action="store_true", help="measure nothing, print the table again")


def _bench(options: argparse.Namespace) -> Bench:
    bridges: list[Bridge] = [] if options.no_embedded else [embedded(options.worker_python)]
    return Bench(
        pictures=Pictures(options.pictures, options.formats),
        count=options.count,
        rounds=options.rounds,
        models=tuple(options.models),
        bridges=(*bridges, *options.bridge_command),
        worker_python=options.worker_python,
        original_python=options.original_python,
        peers_python=options.peers_python,
        worker_flags=tuple(options.worker_flags.split()),
        options=options,
    )


def _command() -> list[str]:
    """The command line without the folders of this machine."""
    shown = []
    for argument in sys.argv[1:]:
        name, mark, rest = argument.partition("=")
        parts = [Path(part).name if "/" in part else part for part in rest.split()]
        shown.append(name + mark + " ".join(parts) if mark else argument)
    return [
        "run.py",
        *(Path(each).name if each.startswith(("/", ".")) else each for each in shown),
    ]


if __name__ == "__main__":
    sys.exit(main())
