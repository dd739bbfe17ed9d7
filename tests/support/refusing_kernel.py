"""A kernel that refuses a system call: a filter in front of this one, for a process of its own."""

import ctypes
import os
import struct
import subprocess
import sys

from support.programs import clean_environment
from support.waiting import LONG_S

LANDLOCK_CREATE_RULESET = 444


class _Program(ctypes.Structure):
    _fields_ = (("steps", ctypes.c_ushort), ("code", ctypes.c_char_p))


def refuse(call: int, error: int) -> None:
    """Lets a system call fail with this error, in this process and its children, for good."""
    steps = (
        (0x20, 0, 0, 0),  # the call's number
        (0x15, 0, 1, call),
        (0x06, 0, 0, 0x0005_0000 | error),
        (0x06, 0, 0, 0x7FFF_0000),
    )
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    set_no_new_privs, set_seccomp, filter_mode = 38, 22, ctypes.c_ulong(2)
    if libc.prctl(set_no_new_privs, ctypes.c_ulong(1), zero, zero, zero):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    program = _Program(len(steps), code)
    if libc.prctl(set_seccomp, filter_mode, ctypes.byref(program), zero, zero):
        raise OSError(ctypes.get_errno(), "seccomp")


def run_refused(call: int, error: int, program: str) -> subprocess.CompletedProcess[str]:
    """Runs a Python program where the kernel refuses a call."""
    lines = f"from support.refusing_kernel import refuse\nrefuse({call}, {error})\n{program}"
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-c", lines],
        env={**clean_environment(), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
