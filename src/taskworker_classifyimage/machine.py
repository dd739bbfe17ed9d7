"""What the machine and the container let this process use."""

import os
import sys
from pathlib import Path

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
_CPUINFO = Path("/proc/cpuinfo")


def usable_cores(cgroup_quota: Path = _CGROUP_QUOTA) -> int:
    """Cores that affinity and the container's quota (cgroup v2) leave to this process, at least 1.

    More compute threads than cores slow each other down.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        quota_us, period_us = cgroup_quota.read_text(encoding="ascii").split()
        if quota_us != "max":
            cores = min(cores, -(-int(quota_us) // int(period_us)))
    except (OSError, ValueError):
        # No cgroup v2, so there is no quota.
        pass
    return max(1, cores)


def allow_many_files() -> None:
    """Lets this process open as many files and connections as the system grants it.

    The initial limit is 256 on macOS and often 1024 on Linux, far below what may be set.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS states no limit and refuses more than this (OPEN_MAX in its limits.h).
    wanted = min(hard, 10_240) if hard != resource.RLIM_INFINITY else 10_240
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def usable_memory_bytes(cgroup_limit: Path = _CGROUP_MEMORY) -> int | None:
    """Memory of the machine or the container (cgroup v2); None if unknown, as on Windows."""
    if not hasattr(os, "sysconf"):
        return None
    machine_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(machine_bytes, int(cgroup_limit.read_text(encoding="ascii")))
    except (OSError, ValueError):
        # No cgroup v2, or no limit ("max").
        return machine_bytes


def peak_memory_bytes() -> int | None:
    """Peak resident memory of this process; None on Windows, which has no `getrusage`."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - there is none on Windows

    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes


def processor_flags(cpuinfo: Path = _CPUINFO) -> frozenset[str]:
    """Instruction sets by their Linux names, such as "avx2"; empty on other systems."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()
