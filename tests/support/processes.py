"""Looking at processes, on Linux."""

import os
from pathlib import Path


def descendants(pid: int | None = None) -> set[int]:
    """Children of a process (this one by default), theirs, and so on; zombies included."""
    found: set[int] = set()
    parents = {int(pid or os.getpid())}
    while parents:
        children = {child for child, parent in _parents().items() if parent in parents} - found
        found |= children
        parents = children
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process, a zombie or not."""
    return Path(f"/proc/{pid}").exists()


def memory_bytes(pid: int) -> int:
    """Memory of a process and its descendants that is no file, what they share counted once."""
    total = 0
    for each in {pid, *descendants(pid)}:
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        total += sum(
            int(line.split()[1]) for line in rollup.splitlines() if line[:9] == "Pss_Anon:"
        )
    return 1024 * total


def _parents() -> dict[int, int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in brackets may hold anything.
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    return parents
