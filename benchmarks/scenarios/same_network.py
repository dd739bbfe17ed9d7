"""The original's own network through a model pack, side by side with the original."""

import argparse
import dataclasses

from harness import tables
from harness.bench import Bench
from harness.processes import MeasurementFailed

from scenarios import throughput

HELP = "the original's network through a model pack, and the original"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this scenario alone."""
    throughput.add_arguments(parser)
    parser.add_argument("--pack", metavar="FOLDER", help="made by 'models pack MobileNetV3Large'")


def measure(bench: Bench) -> tables.Row:
    """The bare loop, the worker and the original, once a round."""
    if bench.options.pack is None:
        raise MeasurementFailed("--pack FOLDER is needed")
    return throughput.measure(dataclasses.replace(bench, models=(bench.options.pack,)))


def table(results: tables.Row) -> str:
    """As that of `throughput`."""
    return throughput.table(results)
