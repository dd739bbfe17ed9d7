"""Draws results/scaling*.json: the share of what is possible, by the number of simulated cores.

    python benchmarks/plot_scaling.py [PICTURE.png] [RESULTS.json ...]

Lines are medians, dots are single rounds.
"""

import json
import statistics
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

_HERE = Path(__file__).parent


def main(picture: Path, paths: list[Path]) -> None:
    """One line for each file of results."""
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    machines = set()
    for path in paths:
        content = json.loads(path.read_text(encoding="utf-8"))
        machines.add(content["machine"])
        shares: dict[int, list[float]] = {}
        for row in content["rows"]:
            shares.setdefault(row["cores"], []).append(row["per_second"] / row["ideal"])
        cost_ms = content["decode_ms"] + content["infer_ms"]
        most = max(row["ideal"] for row in content["rows"])
        label = f"{cost_ms:g} ms a picture, up to {most:.0f} pictures/s"
        middle = [statistics.median(each) for each in shares.values()]
        (line,) = axes.plot(list(shares), middle, marker="o", label=label)
        for cores, each in shares.items():
            axes.plot([cores] * len(each), each, ".", color=line.get_color(), markersize=3)
    axes.set_xscale("log", base=2)
    ticks = (2, 4, 8, 16, 32, 64)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_ylim(0, 1.1)
    axes.set_xlabel("simulated cores")
    axes.set_ylabel("pictures/s : most possible")
    axes.legend(loc="lower left", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("; ".join(sorted(machines)), fontsize=6)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else _HERE / "scaling.png",
        [Path(each) for each in sys.argv[2:]] or sorted(_HERE.glob("results/scaling*.json")),
    )
