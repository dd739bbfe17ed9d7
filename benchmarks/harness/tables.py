"""Results: the machine in one line, JSON files, Markdown tables."""

import datetime
import json
import os
import platform
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

from harness.bench import cores

Row = dict[str, Any]


def machine() -> str:
    """The machine in one line."""
    about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"model name\s*: (.*)", about)
    widest = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in about]
    memory_gb = psutil.virtual_memory().total / 2**30
    return (
        f"{name[1] if name else platform.processor()}, {cores()} of {os.cpu_count()} cores used, "
        f"{' '.join(widest)}, {memory_gb:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def save(path: Path, results: dict[str, Any], command: Sequence[str]) -> None:
    """Writes results with when, where and how they were measured."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    about = {"when": now, "machine": machine(), "command": " ".join(command)}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**about, **results}, indent=1)
    path.write_text(f"{text}\n", encoding="utf-8")


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; every column but the first two is aligned to the right."""
    ruler = ["---" if number < 2 else "---:" for number, _ in enumerate(header)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ruler, *rows))


def shown(value: float | None, digits: int = 1) -> str:
    """A number, or nothing where there is none."""
    return "" if value is None else f"{value:.{digits}f}"


def median(rows: Iterable[Row], key: str) -> float | None:
    """The median of a key over rows, None where no row has it."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return statistics.median(values) if values else None


def raw(rows: Iterable[Row], key: str, digits: int = 1) -> str:
    """Every single number, in order."""
    return ", ".join(f"{row[key]:.{digits}f}" for row in rows if row.get(key) is not None)


def ratio(one: float | None, other: float | None, digits: int = 2) -> str:
    """One by the other, or nothing."""
    return "" if not one or not other else f"{one / other:.{digits}f}"
