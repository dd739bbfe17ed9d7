"""What the machine and the container let this process use."""

import contextlib
import ctypes
import os
import platform
import sys
from pathlib import Path
from typing import Final

import psutil

from taskworker_classifyimage import cgroups

#: glibc's numbers of two settings, and what counts as large: more than a camera's picture takes,
#: whose pages would otherwise be new for each.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGE_BLOCK_BYTES: Final = 4 * 2**20
_CPUINFO = Path("/proc/cpuinfo")
#: What else runs on a machine may need more later: this share of its memory is left alone.
_SPARE_SHARE: Final = 0.1

#: The share of the free memory that is for pictures, without what decoders keep of earlier ones.
_PICTURES_SHARE: Final = 0.95
_SPARE_DECODER_BYTES: Final = 16 * 2**20
#: Enough for most pictures; with less there is no point in trying.
_LEAST_MEMORY_BYTES: Final = 64 * 2**20


def usable_cores() -> int:
    """Cores that affinity and the container's quota leave to this process, at least 1.

    More compute threads than cores slow each other down.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, cgroups.usable_cores() or cores))


def usable_memory_bytes() -> int:
    """Memory of the machine, or of the container if that has less."""
    machine_bytes = psutil.virtual_memory().total
    return min(machine_bytes, cgroups.memory_limit_bytes() or machine_bytes)


def free_memory_bytes() -> int:
    """Memory that this process and its children may still take, at least 0."""
    memory = psutil.virtual_memory()
    left_bytes = max(0, memory.available - int(_SPARE_SHARE * memory.total))
    group_bytes = cgroups.memory_left_bytes()
    return left_bytes if group_bytes is None else min(left_bytes, group_bytes)


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


def picture_memory_bytes(processes: int) -> int:
    """The memory that all pictures together may take from now on.

    Args:
        processes: decoders, which are up already.
    """
    spare_bytes = processes * _SPARE_DECODER_BYTES
    return max(int(_PICTURES_SHARE * free_memory_bytes()) - spare_bytes, _LEAST_MEMORY_BYTES)


def return_freed_memory() -> None:
    """Makes this process, and its forks, give large blocks back to the system when they are freed.

    By default, glibc keeps blocks of up to 32 MiB once such a block was freed (mallopt(3)).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE_BLOCK_BYTES)


def trim_memory() -> None:
    """Gives back to the system what was freed between blocks that are in use, with glibc."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory_bytes() -> int | None:
    """Peak resident memory of this process; None on Windows, which has no `getrusage`."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - there is none on Windows

    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes


def processor_flags(cpuinfo: Path = _CPUINFO) -> frozenset[str]:
    """Instruction sets by their Linux names, such as "avx2"; empty on other systems."""
    return frozenset(_read_cpuinfo(cpuinfo, "flags", "Features").split())


def processor_name(cpuinfo: Path = _CPUINFO) -> str:
    """The processor's model, as far as the system tells it."""
    return _read_cpuinfo(cpuinfo, "model name") or platform.processor() or platform.machine()


def _read_cpuinfo(cpuinfo: Path, *keys: str) -> str:
    """What it says of the first core under one of these keys; empty on other systems."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ""
    parts = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in parts if key.strip() in keys), "")
