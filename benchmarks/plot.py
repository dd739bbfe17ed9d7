"""Draws results/throughput.json: pictures a second and CPU a picture of every contender.

    python benchmarks/plot.py [RESULTS.json] [PICTURE.png]

Bars are medians, dots are single rounds.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

_HERE = Path(__file__).parent
_COLOURS = {"limit": "#888888", "worker": "#1a7f37", "original": "#c93c37"}
_PEER_COLOUR = "#4078c0"

Row = dict[str, Any]


def main(results: Path, picture: Path) -> None:
    """One column of bars a model, the original's bars in both."""
    content = json.loads(results.read_text(encoding="utf-8"))
    rows = [row for row in content["rows"] if "failed" not in row]
    models = sorted({row["model"] for row in rows if row["contender"] == "limit"})
    figure, axes = pyplot.subplots(
        2, len(models), figsize=(6.2 * len(models), 8.2), squeeze=False, layout="constrained"
    )
    for column, model in enumerate(models):
        shown = [row for row in rows if row["model"] == model or row["contender"] == "original"]
        _bars(axes[0][column], shown, "per_second", f"{model}: pictures/s (more is better)")
        _bars(axes[1][column], shown, "cpu_ms", f"{model}: CPU ms a picture (less is better)")
    figure.suptitle(content["machine"], fontsize=8)
    figure.savefig(picture, dpi=110)


def _bars(axes: Axes, rows: list[Row], key: str, title: str) -> None:
    """Medians as bars, each round as a dot."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"{row['contender']} {row['bridge']}".strip(), []).append(row)
    for place, group in enumerate(groups.values()):
        values = [row[key] for row in group]
        middle = statistics.median(values)
        colour = _COLOURS.get(group[0]["contender"], _PEER_COLOUR)
        axes.barh(place, middle, color=colour)
        axes.plot(values, [place] * len(values), "k.", markersize=3)
        axes.text(max(values), place, f"  {middle:.1f}", va="center", fontsize=8)
    axes.set_yticks(range(len(groups)), list(groups), fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlim(left=0)
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else _HERE / "results" / "throughput.json",
        Path(sys.argv[2]) if len(sys.argv) > 2 else _HERE / "throughput.png",
    )
