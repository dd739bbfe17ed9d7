"""Landlock: keeps this process from opening files and TCP connections.

The numbers are from linux/landlock.h; the kernel's documentation says which ABI supports what
(https://docs.kernel.org/userspace-api/landlock.html).
"""

import ctypes
import os
from typing import Final

from taskworker_classifyimage.sandbox.linux import syscall

#: System calls; they have the same numbers on x86-64 and ARM64.
_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
#: Flag of `_CREATE_RULESET`: returns the kernel's ABI instead.
_GET_VERSION: Final = 1

#: How many kinds of file access each ABI knows; later ABIs add none.
_FILE_ACCESSES: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
#: The first ABI that restricts TCP bind and connect.
_NETWORK_ABI: Final = 4
#: The first ABI that restricts signals to other processes and their abstract UNIX sockets.
_SCOPES_ABI: Final = 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def find_abi() -> int:
    """The kernel's Landlock ABI, 1 or more; changes nothing.

    Raises:
        OSError: ENOSYS: the kernel has no Landlock; EOPNOTSUPP: it is switched off; EPERM: an
            outer system call filter forbids it.
    """
    return syscall(_CREATE_RULESET, None, 0, _GET_VERSION)


def deny_files_and_network() -> int:
    """Denies permanently all that this kernel's Landlock can deny; needs `no_new_privs`.

    Returns:
        The kernel's Landlock ABI, 1 or more.

    Raises:
        OSError: the kernel has no Landlock, or it is disabled.
    """
    abi = find_abi()
    # A kind of access that is handled and that no rule allows is denied; there are no rules.
    ruleset = _Ruleset((1 << _FILE_ACCESSES[min(abi, max(_FILE_ACCESSES))]) - 1)
    size = 8
    if abi >= _NETWORK_ABI:
        ruleset.handled_access_net, size = 0b11, 16
    if abi >= _SCOPES_ABI:
        ruleset.scoped, size = 0b11, 24
    descriptor = syscall(_CREATE_RULESET, ctypes.byref(ruleset), size, 0)
    try:
        syscall(_RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)
    return abi
