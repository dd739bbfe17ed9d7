"""Runs the bare loop and reads what it measured of itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.bench import Bench
from harness.pictures import write_all
from harness.processes import MemoryWatch, percentile

_TIMEOUT_S = 900.0


def run_limit(
    bench: Bench,
    model: str,
    folder: Path,
    *,
    make: Callable[[int], list[bytes]] | None = None,
) -> dict[str, Any]:
    """The bare loop over the usual number of pictures; they count in its memory."""
    pictures = (make or bench.pictures.different)(bench.count)
    write_all(pictures, folder / "pictures")
    with bench.limit(model, folder / "pictures", folder) as program, MemoryWatch(program) as memory:
        measured = json.loads(program.wait(_TIMEOUT_S).splitlines()[-1])
    return {
        "pictures": len(pictures),
        "seconds": measured["seconds"],
        "per_second": len(pictures) / measured["seconds"],
        "cpu_ms": 1000 * measured["cpu_s"] / len(pictures),
        "p50_ms": 1000 * percentile(measured["latencies_s"], 50),
        "p95_ms": 1000 * percentile(measured["latencies_s"], 95),
        "pss_mb": memory.peak.pss_mb,
        "rss_mb": memory.peak.rss_mb,
        "library": measured["library"],
    }
