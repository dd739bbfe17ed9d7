"""Runs the filter here, instruction by instruction, for both processors.

`tests/integration/sandbox` has the kernel run it.
"""

import struct

import pytest

from taskworker_classifyimage.sandbox import seccomp

#: Action, from linux/seccomp.h, with EPERM (1) or ENOSYS (38) where it is an error.
ALLOWED, FATAL, REFUSED, UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
MACHINES = ("x86_64", "aarch64")
OWN_PID = 4711

#: Numbers from asm/unistd_64.h and asm-generic/unistd.h, deliberately not taken from `seccomp`.
CALLS: dict[str, tuple[int | None, int | None, int]] = {
    "read": (0, 63, ALLOWED),
    "write": (1, 64, ALLOWED),
    "mmap": (9, 222, ALLOWED),
    "futex": (202, 98, ALLOWED),
    "exit_group": (231, 94, ALLOWED),
    "getrandom": (318, 278, ALLOWED),
    "open": (2, None, REFUSED),
    "openat": (257, 56, REFUSED),
    "openat2": (437, 437, REFUSED),
    "unlinkat": (263, 35, REFUSED),
    "ioctl": (16, 29, REFUSED),
    "prctl": (157, 167, REFUSED),
    "prlimit64": (302, 261, REFUSED),
    "recvmsg": (47, 212, REFUSED),
    "sendmsg": (46, 211, REFUSED),
    "io_uring_setup": (425, 425, REFUSED),
    "tkill": (200, 130, REFUSED),
    "execve": (59, 221, FATAL),
    "execveat": (322, 281, FATAL),
    "fork": (57, None, FATAL),
    "vfork": (58, None, FATAL),
    "socket": (41, 198, FATAL),
    "connect": (42, 203, FATAL),
    "ptrace": (101, 117, FATAL),
    "process_vm_readv": (310, 270, FATAL),
    "process_vm_writev": (311, 271, FATAL),
    "kill": (62, 129, FATAL),
    "clone3": (435, 435, UNKNOWN),
}
ARCHES = (0xC000003E, 0xC00000B7)
MMAP, CLONE, TGKILL = (9, 222), (56, 220), (234, 131)
MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_ANONYMOUS, MAP_GROWSDOWN = 1, 2, 3, 0x20, 0x100
CLONE_THREAD, CLONE_VM, CLONE_NEWUSER = 0x10000, 0x100, 0x10000000


def verdict(
    machine: str, number: int, *, arch: int | None = None, argument: int = 0, fourth: int = 0
) -> int:
    """What the filter returns for a call."""
    column = MACHINES.index(machine)
    data = struct.pack("<IIQQQQQ", number, arch or ARCHES[column], 0, argument, 0, 0, fourth)
    steps = [struct.unpack("=HBBI", step) for step in seccomp.build_filter(machine, OWN_PID)]
    position = loaded = 0
    while True:
        code, skip_if, skip_else, operand = steps[position]
        position += 1
        if code == 0x06:
            return int(operand)
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, operand)
            continue
        passes = {0x15: loaded == operand, 0x35: loaded >= operand, 0x45: bool(loaded & operand)}
        position += skip_if if passes[code] else skip_else


@pytest.mark.parametrize("machine", MACHINES)
def test_each_call_is_judged_by_its_number(machine: str) -> None:
    """Calls that decoders need are allowed, calls that none needs end it, others are refused."""
    for call, (*numbers, expected) in CALLS.items():
        number = numbers[MACHINES.index(machine)]
        if number is not None:
            assert verdict(machine, number) == expected, call


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_are_allowed_and_processes_are_not(machine: str) -> None:
    """Both are `clone` with different flags."""
    number = CLONE[MACHINES.index(machine)]
    assert verdict(machine, number, argument=CLONE_THREAD | CLONE_VM) == ALLOWED
    assert verdict(machine, number, argument=17) == FATAL
    assert verdict(machine, number, argument=CLONE_NEWUSER | 17) == FATAL


@pytest.mark.parametrize("machine", MACHINES)
def test_only_memory_that_counts_is_allowed(machine: str) -> None:
    """The kernel's limit ignores memory that is shared or grows like a stack."""
    number = MMAP[MACHINES.index(machine)]
    assert verdict(machine, number, fourth=MAP_PRIVATE | MAP_ANONYMOUS) == ALLOWED
    for flags in (MAP_SHARED, MAP_SHARED_VALIDATE, MAP_PRIVATE | MAP_GROWSDOWN):
        assert verdict(machine, number, fourth=flags | MAP_ANONYMOUS) == REFUSED


@pytest.mark.parametrize("machine", MACHINES)
def test_a_decoder_may_signal_only_itself(machine: str) -> None:
    """A library that finds its memory damaged ends its process by SIGABRT."""
    number = TGKILL[MACHINES.index(machine)]
    assert verdict(machine, number, argument=OWN_PID) == ALLOWED
    assert verdict(machine, number, argument=OWN_PID + 1) == FATAL


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_other_abis_end_the_process(machine: str) -> None:
    """32-bit calls have other numbers, which would be taken for other calls."""
    i386, x32_read = 0x40000003, 0x40000000
    assert verdict(machine, 0, arch=i386) == FATAL
    assert verdict(machine, x32_read) == FATAL
