"""What this kernel supports, found out in other ways than the program does."""

import ctypes
import sys
from pathlib import Path


def landlock_abi() -> int:
    """The version of Landlock; 0 or less if there is none."""
    if sys.platform != "linux":
        return 0
    create_ruleset, ask_version = 444, 1
    return int(ctypes.CDLL(None).syscall(create_ruleset, None, 0, ask_version))


def has_seccomp() -> bool:
    return Path("/proc/sys/kernel/seccomp/actions_avail").exists()
