"""How another Python with this program is started."""

import os
import signal
import sys
from typing import Final

from taskworker_classifyimage.sandbox.limits import ProcessLimits

#: May hold a password.
_SECRET: Final = ("taskbridgeurl",)

#: Libraries that numpy brings along start a thread a core otherwise, which is idle and in the way
#: of a fork.
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def command(module: str, decode: str, limits: ProcessLimits) -> list[str]:
    """Runs that module of this package, which finds its orders by `orders`.

    Nothing is imported from the current folder, which may be one with evidence.
    """
    name = f"{__package__}.{module}"
    return [sys.executable, "-P", "-m", name, decode, str(limits.time_s), str(limits.memory_bytes)]


def orders() -> tuple[str, ProcessLimits]:
    """What this process was told by `command`: the function that decodes, and its limits."""
    decode, time_s, memory_bytes = sys.argv[1:4]
    return decode, ProcessLimits(float(time_s), int(memory_bytes))


def environment() -> dict[str, str]:
    """This process's environment without secrets, with what this process imports from."""
    kept = {name: text for name, text in os.environ.items() if name.lower() not in _SECRET}
    return {**kept, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def ignore_stops() -> None:
    """Ctrl-C, and a stop of a whole service, reach every process; the worker decides what ends."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
