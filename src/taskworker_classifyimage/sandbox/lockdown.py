"""Restricts a decoder process as far as this machine can; no restriction can be taken back."""

import contextlib
import mmap
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

MEMORY: Final = "memory limit"
SECCOMP: Final = "seccomp"
LANDLOCK: Final = "Landlock"
#: All restrictions that there are.
ALL: Final = (MEMORY, LANDLOCK, SECCOMP)


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What decoding one picture may cost a process; `DecodeLimits` bounds its bytes and pixels.

    Attributes:
        time_s: in real time, and in CPU time of all threads of the decoder together.
        memory_bytes: of the whole decoder process; enforced on Linux only.
    """

    time_s: float
    memory_bytes: int


def lock_down(limits: ProcessLimits) -> tuple[str, ...]:
    """Limits this process's memory and takes away what decoding does not need.

    All that decoding imports has to be imported before.

    Returns:
        The restrictions in force; those that this machine lacks are left out.
    """
    if sys.platform != "linux":
        return ()
    # These modules work on Linux only.
    from taskworker_classifyimage.sandbox import landlock, linux, seccomp  # noqa: PLC0415

    # The kernel kills decoders before all other processes when memory runs out.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    protections = [MEMORY] if _limit_memory(limits.memory_bytes) else []
    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        with contextlib.suppress(OSError):
            protections.append(f"{LANDLOCK} {landlock.deny_files_and_network()}")
        with contextlib.suppress(OSError):
            seccomp.install_filter()
            protections.append(SECCOMP)
    return tuple(protections)


def _limit_memory(limit_bytes: int) -> bool:
    """Sets the limit; returns whether the kernel enforces it.

    It holds for what is written (RLIMIT_DATA), and once more for all addresses beyond today's
    (RLIMIT_AS): pages that are only read take page tables.
    """
    import resource  # noqa: PLC0415 - not on Windows

    # A core dump would be a copy of evidence.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_AS, psutil.Process().memory_info().vms + limit_bytes)
    limit_bytes = _lower(resource.RLIMIT_DATA, limit_bytes)
    try:
        mmap.mmap(-1, limit_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return True
    # Some kernels accept the limit and ignore it, such as Linux before 4.7 and gVisor.
    return False


def _lower(kind: int, limit_bytes: int) -> int:
    """Lowers a limit, for good; returns what it is now."""
    import resource  # noqa: PLC0415 - not on Windows

    _, hard_limit = resource.getrlimit(kind)
    if hard_limit != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard_limit)
    resource.setrlimit(kind, (limit_bytes, limit_bytes))
    return limit_bytes
