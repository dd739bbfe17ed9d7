"""seccomp: leaves this process the system calls for computing and for files that are open.

A filter is a program that the kernel runs for each system call
(https://docs.kernel.org/userspace-api/seccomp_filter.html). It allows the calls that decoders need.
Calls that no decoder has a reason to make end the process. All others fail with EPERM, which
libraries handle.
"""

import ctypes
import os
import struct
import sys
from typing import Final

from taskworker_classifyimage.sandbox.linux import PR_SET_SECCOMP, prctl, syscall

#: Stands for a call that a processor does not have; no call has this number.
_NO_CALL: Final = 0x3FFF_FFFF

#: Memory, threads, clocks, signal handling and the channel; frequent calls first. Numbers for
#: x86-64 and ARM64, from asm/unistd_64.h and asm-generic/unistd.h.
_ALLOWED: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "futex": (202, 98),
    "munmap": (11, 215),
    "brk": (12, 214),
    "madvise": (28, 233),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "setitimer": (38, 103),
    "rt_sigprocmask": (14, 135),
    "rt_sigaction": (13, 134),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "restart_syscall": (219, 128),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getcpu": (309, 168),
    "getrusage": (98, 165),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "readv": (19, 65),
    "writev": (20, 66),
    "close": (3, 57),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

#: Programs, processes, the network, and memory of other processes. ARM64 has no fork and no vfork.
_FATAL: Final = {
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, _NO_CALL),
    "vfork": (58, _NO_CALL),
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
}

_MMAP: Final = (9, 222)
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_TGKILL: Final = (234, 131)
_SECCOMP: Final = (317, 277)

#: AUDIT_ARCH_* from linux/audit.h, and the index of the processor's numbers above.
_MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

#: System calls of the x32 ABI on x86-64 have this bit set, and other numbers.
_X32: Final = 0x4000_0000
_CLONE_THREAD: Final = 0x0001_0000
#: MAP_SHARED and MAP_GROWSDOWN: such memory does not count for the memory limit, RLIMIT_DATA.
_MAP_UNCOUNTED: Final = 0x01 | 0x0100

_ALLOW: Final = 0x7FFF_0000
_END_PROCESS: Final = 0x8000_0000
_NOT_PERMITTED: Final = 0x0005_0001
_NO_SUCH_CALL: Final = 0x0005_0026

#: Classic BPF, from linux/bpf_common.h.
_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_NOT_BELOW: Final = 0x35
_IF_BITS: Final = 0x45
_RETURN: Final = 0x06

#: Offsets in struct seccomp_data; both machines are little-endian.
_AT_NUMBER: Final = 0
_AT_ARCH: Final = 4
_AT_FIRST_ARGUMENT: Final = 16
_AT_FOURTH_ARGUMENT: Final = 40

_MODE_FILTER: Final = 2
_SET_MODE_FILTER: Final = 1
#: Keeps kernels before 5.16 from slowing down processes that have a filter.
_SPEC_ALLOW: Final = 4


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def suits(machine: str) -> bool:
    """Whether there is a filter for this process on such a processor."""
    return machine in _MACHINES and sys.maxsize >= 2**32


def install_filter() -> None:
    """Installs the filter permanently; needs `no_new_privs`.

    Raises:
        OSError: the kernel has no seccomp filters, or we have none for this processor.
    """
    machine = os.uname().machine
    if not suits(machine):
        raise OSError(f"there is no filter for {machine}")
    steps = build_filter(machine, os.getpid())
    pointer = ctypes.byref(_Program(len(steps), b"".join(steps)))
    _, column = _MACHINES[machine]
    try:
        syscall(_SECCOMP[column], _SET_MODE_FILTER, _SPEC_ALLOW, pointer)
    except OSError:
        # A kernel before 4.17, or an outer filter that does not allow this call.
        prctl(PR_SET_SECCOMP, _MODE_FILTER, pointer)


def build_filter(machine: str, own_pid: int) -> list[bytes]:
    """Builds the filter for the process `own_pid` on "x86_64" or "aarch64".

    It has instructions of 8 bytes each; the first return decides.
    """
    arch, column = _MACHINES[machine]
    steps = [
        _step(_LOAD, _AT_ARCH),
        _step(_IF_EQUAL, arch, skip_if=1),
        _step(_RETURN, _END_PROCESS),
        _step(_LOAD, _AT_NUMBER),
        *_return_if(_IF_NOT_BELOW, _X32, _END_PROCESS),
    ]
    for numbers in _ALLOWED.values():
        steps += _return_if(_IF_EQUAL, numbers[column], _ALLOW)
    for numbers in _FATAL.values():
        steps += _return_if(_IF_EQUAL, numbers[column], _END_PROCESS)
    steps += _return_by_argument(
        _MMAP[column],
        _IF_BITS,
        _MAP_UNCOUNTED,
        at=_AT_FOURTH_ARGUMENT,
        actions=(_NOT_PERMITTED, _ALLOW),
    )
    # A filter cannot see the flags of `clone3`; without it glibc starts threads by `clone`.
    steps += _return_if(_IF_EQUAL, _CLONE3[column], _NO_SUCH_CALL)
    steps += _return_by_argument(_CLONE[column], _IF_BITS, _CLONE_THREAD)
    # abort() signals the process itself, as when a library finds its memory damaged.
    steps += _return_by_argument(_TGKILL[column], _IF_EQUAL, own_pid)
    return [*steps, _step(_RETURN, _NOT_PERMITTED)]


def _return_if(test: int, operand: int, action: int) -> list[bytes]:
    return [_step(test, operand, skip_else=1), _step(_RETURN, action)]


def _return_by_argument(
    number: int,
    test: int,
    operand: int,
    *,
    at: int = _AT_FIRST_ARGUMENT,
    actions: tuple[int, int] = (_ALLOW, _END_PROCESS),
) -> list[bytes]:
    """For one system call, returns the first action if its argument passes, else the second."""
    passes, fails = actions
    return [
        _step(_IF_EQUAL, number, skip_else=4),
        _step(_LOAD, at),
        *_return_if(test, operand, passes),
        _step(_RETURN, fails),
    ]


def _step(code: int, operand: int, *, skip_if: int = 0, skip_else: int = 0) -> bytes:
    return struct.pack("=HBBI", code, skip_if, skip_else, operand)
