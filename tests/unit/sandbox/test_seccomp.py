"""The filter's program, run here step by step for both processors; the kernel runs it in others."""

import struct

import pytest

from taskworker_classifyimage.sandbox import seccomp

#: Action, from linux/seccomp.h, with EPERM (1) or ENOSYS (38) where it is an error.
ALLOWED, DEADLY, REFUSED, UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
MACHINES = ("x86_64", "aarch64")
OWN_PID = 4711

#: Numbers of asm/unistd_64.h and asm-generic/unistd.h, on purpose not taken from the program.
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
    "execve": (59, 221, DEADLY),
    "execveat": (322, 281, DEADLY),
    "fork": (57, None, DEADLY),
    "vfork": (58, None, DEADLY),
    "socket": (41, 198, DEADLY),
    "connect": (42, 203, DEADLY),
    "ptrace": (101, 117, DEADLY),
    "process_vm_readv": (310, 270, DEADLY),
    "process_vm_writev": (311, 271, DEADLY),
    "kill": (62, 129, DEADLY),
    "clone3": (435, 435, UNKNOWN),
}
ARCHES = (0xC000003E, 0xC00000B7)
MMAP, CLONE, TGKILL = (9, 222), (56, 220), (234, 131)
MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_ANONYMOUS, MAP_GROWSDOWN = 1, 2, 3, 0x20, 0x100
CLONE_THREAD, CLONE_VM, CLONE_NEWUSER = 0x10000, 0x100, 0x10000000


def verdict(
    machine: str, number: int, *, arch: int | None = None, argument: int = 0, fourth: int = 0
) -> int:
    """What the filter says of a call."""
    column = MACHINES.index(machine)
    data = struct.pack("<IIQQQQQ", number, arch or ARCHES[column], 0, argument, 0, 0, fourth)
    steps = [struct.unpack("=HBBI", step) for step in seccomp.program(machine, OWN_PID)]
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
    """What decoders need goes through, what nobody needs ends them, the rest is refused."""
    for call, (*numbers, expected) in CALLS.items():
        number = numbers[MACHINES.index(machine)]
        if number is not None:
            assert verdict(machine, number) == expected, call


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_are_allowed_and_processes_are_not(machine: str) -> None:
    """Both are `clone`; its flags tell."""
    number = CLONE[MACHINES.index(machine)]
    assert verdict(machine, number, argument=CLONE_THREAD | CLONE_VM) == ALLOWED
    assert verdict(machine, number, argument=17) == DEADLY
    assert verdict(machine, number, argument=CLONE_NEWUSER | 17) == DEADLY


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_is_had_only_where_it_counts(machine: str) -> None:
    """The kernel's limit leaves out what can be shared, and what grows like a stack."""
    number = MMAP[MACHINES.index(machine)]
    assert verdict(machine, number, fourth=MAP_PRIVATE | MAP_ANONYMOUS) == ALLOWED
    for flags in (MAP_SHARED, MAP_SHARED_VALIDATE, MAP_PRIVATE | MAP_GROWSDOWN):
        assert verdict(machine, number, fourth=flags | MAP_ANONYMOUS) == REFUSED


@pytest.mark.parametrize("machine", MACHINES)
def test_a_decoder_may_signal_only_itself(machine: str) -> None:
    """Ending itself by SIGABRT is how a library ends that finds its memory damaged."""
    number = TGKILL[MACHINES.index(machine)]
    assert verdict(machine, number, argument=OWN_PID) == ALLOWED
    assert verdict(machine, number, argument=OWN_PID + 1) == DEADLY


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_other_kinds_of_programs_end_it(machine: str) -> None:
    """32-bit calls have other numbers, which would be judged as what they are not."""
    i386, x32_read = 0x40000003, 0x40000000
    assert verdict(machine, 0, arch=i386) == DEADLY
    assert verdict(machine, x32_read) == DEADLY
