"""What keeps a decoder in, as far as this machine can; nothing of it can be taken back."""

import contextlib
import mmap
import sys
from pathlib import Path
from typing import Final

from taskworker_classifyimage.sandbox.limits import ProcessLimits

MEMORY: Final = "memory limit"
SECCOMP: Final = "seccomp"
LANDLOCK: Final = "Landlock"
#: What there is to hold.
ALL: Final = (MEMORY, LANDLOCK, SECCOMP)


def lock_down(limits: ProcessLimits) -> tuple[str, ...]:
    """Limits this process and takes from it what decoding does not need.

    Everything that decoding imports has to be there before.

    Returns:
        What holds from now on; what this machine lacks is left out.
    """
    if sys.platform != "linux":
        return ()
    # What of Linux is imported here is there on Linux only.
    from taskworker_classifyimage.sandbox import landlock, linux, seccomp  # noqa: PLC0415

    _die_first()
    holds = [MEMORY] if _limit_memory(limits.memory_bytes) else []
    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        with contextlib.suppress(OSError):
            holds.append(f"{LANDLOCK} {landlock.close_files_and_network()}")
        with contextlib.suppress(OSError):
            seccomp.refuse_system_calls()
            holds.append(SECCOMP)
    return tuple(holds)


def _die_first() -> None:
    """When memory runs out, decoders die before the worker and whatever else there is."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _limit_memory(limit_bytes: int) -> bool:
    import resource  # noqa: PLC0415 - there is none on Windows

    # A dump would be a copy of evidence.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    try:
        mmap.mmap(-1, limit_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return True
    # Some take the limit and do not keep it, such as Linux before 4.7 and gVisor.
    return False
