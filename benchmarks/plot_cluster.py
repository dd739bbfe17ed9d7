"""Draws results/cluster.json: pictures a second by simulated nodes.

    python benchmarks/plot_cluster.py [RESULTS.json] [PICTURE.png]

The line is the median, dots are single rounds; the grey line is nodes without any loss.
"""

import json
import statistics
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

_HERE = Path(__file__).parent


def main(results: Path, picture: Path) -> None:
    """One line over nodes."""
    content = json.loads(results.read_text(encoding="utf-8"))
    nodes: dict[int, list[float]] = {}
    for row in content["scaling"]:
        nodes.setdefault(row["nodes"], []).append(row["per_second"])
    counts = sorted(nodes)
    middle = [statistics.median(nodes[count]) for count in counts]
    figure, axes = pyplot.subplots(figsize=(7.4, 4.4), layout="constrained")
    axes.plot(counts, [count * middle[0] for count in counts], color="#888888", label="no loss")
    axes.plot(counts, middle, color="#1a7f37", label="measured")
    for count, value in zip(counts, middle, strict=True):
        axes.plot([count] * len(nodes[count]), nodes[count], "k.", markersize=3)
        share = value / (count * middle[0])
        axes.annotate(f"{share:.2f}", (count, value), (4, -12), textcoords="offset points")
    axes.set_xticks(counts)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("nodes")
    axes.set_title(f"pictures/s, {content['cost_s'] * 1000:.0f} ms each (efficiency)", fontsize=10)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(content["machine"], fontsize=7)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else _HERE / "results" / "cluster.json",
        Path(sys.argv[2]) if len(sys.argv) > 2 else _HERE / "cluster.png",
    )
