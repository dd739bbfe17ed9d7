"""The two calls of Linux that Python has no function for."""

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
    """Changes this process; raises `OSError` if the kernel will not.

    Args:
        option: what to change.
        arguments: up to four, as the option wants them.
    """
    wide = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    wide += [ctypes.c_ulong(0)] * (4 - len(wide))
    _checked(_libc().prctl(ctypes.c_int(option), *wide))


def syscall(number: int, *arguments: object) -> int:
    """Calls the kernel by number; raises `OSError` if it refuses."""
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return _checked(_libc().syscall(ctypes.c_long(number), *wide))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
