"""Which protections of the decoders this machine does without, why, and what to do about it."""

import errno
import platform
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from taskworker_classifyimage.sandbox import lockdown

_LANDLOCK_REASONS: Final = {
    errno.ENOSYS: "the kernel has no Landlock: it is older than 5.13, or was built without",
    errno.EOPNOTSUPP: "the kernel has Landlock switched off: add landlock to its parameter lsm=",
    errno.EPERM: "the system call filter of the container or service forbids Landlock: allow "
    "landlock_create_ruleset and landlock_restrict_self",
}
_LANDLOCK_REFUSED: Final = (
    "the kernel refuses Landlock: allow landlock_create_ruleset and landlock_restrict_self in the "
    "system call filter of the container or service"
)
_SECCOMP_REFUSED: Final = (
    "the kernel, or the system call filter of the container or service, refuses seccomp: allow it"
)
_MEMORY_IGNORED: Final = (
    "the kernel ignores limits of memory, as before Linux 4.7 and under gVisor: limit the memory "
    "of the container or service"
)


def find_refused(in_force: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Gives each protection that this Linux refuses, by its name in `lockdown`, and the reason.

    Other systems have none of them, which is no fault of the machine.

    Args:
        in_force: what `lockdown.lock_down` returned in a decoder.
    """
    if sys.platform != "linux":
        return
    reasons = {
        lockdown.MEMORY: lambda: _MEMORY_IGNORED,
        lockdown.LANDLOCK: _ask_about_landlock,
        lockdown.SECCOMP: _ask_about_seccomp,
    }
    held = tuple(in_force)
    for name in lockdown.ALL:
        if not any(each.startswith(name) for each in held):
            yield name, reasons[name]()


def _ask_about_landlock() -> str:
    from taskworker_classifyimage.sandbox import landlock  # noqa: PLC0415 - on Linux only

    try:
        landlock.find_abi()
    except OSError as err:
        return _LANDLOCK_REASONS.get(err.errno or 0, _LANDLOCK_REFUSED)
    return _LANDLOCK_REFUSED


def _ask_about_seccomp() -> str:
    from taskworker_classifyimage.sandbox import seccomp  # noqa: PLC0415 - on Linux only

    if not seccomp.suits(platform.machine()):
        return f"there is no seccomp filter for {platform.machine()}, only for x86-64 and ARM64"
    return _SECCOMP_REFUSED
