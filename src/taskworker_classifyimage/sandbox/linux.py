"""The two system calls of Linux for which Python has no function."""

import ctypes
import os
from functools import cache

#: `prctl` options, from linux/prctl.h.
PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: object) -> None:
    """Changes an attribute of this process; raises `OSError` if the kernel refuses.

    There are up to four arguments; what they mean depends on the option.
    """
    wide = [ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in arguments]
    wide += [ctypes.c_ulong(0)] * (4 - len(wide))
    _check(_libc().prctl(ctypes.c_int(option), *wide))


def syscall(number: int, *arguments: object) -> int:
    """Calls the kernel by number; raises `OSError` if it refuses."""
    wide = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in arguments]
    return _check(_libc().syscall(ctypes.c_long(number), *wide))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
