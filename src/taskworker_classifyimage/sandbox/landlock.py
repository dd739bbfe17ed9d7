"""Landlock: from now on this process opens no file and no TCP connection.

Numbers are those of linux/landlock.h; what each kernel knows is in its documentation
(https://docs.kernel.org/userspace-api/landlock.html).
"""

import ctypes
import os
from typing import Final

from taskworker_classifyimage.sandbox.linux import syscall

#: The same on x86-64 and on ARM64.
_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1

#: How many kinds of access to files each ABI knows; what later ones add concerns sockets.
_FILE_ACCESSES: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
#: Bind and connect, TCP.
_NETWORK_ABI: Final = 4
#: Abstract UNIX sockets of others, and signals to others.
_SCOPES_ABI: Final = 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def close_files_and_network() -> int:
    """Forbids whatever this kernel's Landlock can forbid, for good; needs `no_new_privs`.

    Returns:
        The kernel's ABI, 1 or more.

    Raises:
        OSError: the kernel has no Landlock, or it is off.
    """
    abi = syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    # What is named here and allowed by no rule is forbidden, and there are no rules.
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
