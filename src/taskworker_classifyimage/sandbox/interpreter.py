"""Starting another Python that runs a module of this package."""

import os
import signal
import sys
from typing import Final

from taskworker_classifyimage.sandbox.lockdown import ProcessLimits

#: Environment variables that a decoder gets, if they are set: any other may hold a secret, which a
#: picture that takes the decoder over could put into its answer.
_KEPT: Final = frozenset(
    (
        *("PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "SYSTEMDRIVE"),
        *("PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
    )
)

#: By default numpy's libraries start one thread per core; they would be idle, and forking a process
#: with threads is not safe.
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

#: Makes glibc (2.35 and later) ask Linux for pages of 2 MiB: new pages of 4 kB, and finding them in
#: memory, take a fifth of the time of a large picture. Other libraries ignore it.
_LARGE_PAGES: Final = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def build_command(module: str, decode: str, limits: ProcessLimits) -> list[str]:
    """The command that runs a module of this package, which calls `read_arguments`."""
    name = f"{__package__}.{module}"
    # -P: imports nothing from the current folder, which may hold evidence.
    return [sys.executable, "-P", "-m", name, decode, str(limits.time_s), str(limits.memory_bytes)]


def read_arguments() -> tuple[str, ProcessLimits]:
    """The arguments of `build_command`: the function that decodes, and its limits."""
    decode, time_s, memory_bytes = sys.argv[1:4]
    return decode, ProcessLimits(float(time_s), int(memory_bytes))


def build_environment() -> dict[str, str]:
    """What Python and its libraries need of this process's environment, and its import path."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if name.upper() in _KEPT or name.startswith("LC_")
    }
    path = os.pathsep.join(filter(None, sys.path))
    return {**kept, **_ONE_THREAD, **_LARGE_PAGES, "PYTHONPATH": path}


def ignore_stop_signals() -> None:
    """Ignores Ctrl-C and service stops, which reach every process: the worker ends its decoders."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
