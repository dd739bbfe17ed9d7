"""Linux: memory that the worker and one decoder both see, so that pictures need no pipe.

Neither side can change its size: the other would be killed when it reads what is not there any
more. A decoder cannot get more of it, since it may map no shared memory itself.
"""

import contextlib
import fcntl
import mmap
import os
from typing import Final

#: Almost all files of cameras. What is larger goes through the channel, so that little lies outside
#: a decoder's memory limit. Only what was used takes memory.
SHARED_BYTES: Final = 8 * 2**20
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def create() -> int | None:
    """Creates such memory; returns its descriptor, or None if the system has none to give."""
    descriptor = None
    try:
        descriptor = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.truncate(descriptor, SHARED_BYTES)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except (OSError, AttributeError):  # a kernel before 3.17, gVisor, musl or an old glibc
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        return None
    return descriptor


def attach(descriptor: int) -> mmap.mmap:
    """Maps it into this process; raises `OSError` if that fails."""
    return mmap.mmap(descriptor, SHARED_BYTES)
