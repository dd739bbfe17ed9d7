"""Pools of decoders: real ones, and ones that do what a picture says, see `poison`."""

import sys
from pathlib import Path
from typing import Final

from support import poison
from taskworker_classifyimage.errors import TaskError
from taskworker_classifyimage.sandbox.forking import ForkLauncher
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher
from taskworker_classifyimage.sandbox.spawning import SpawnLauncher

#: The launcher of this system, and on Linux also that of other systems.
LAUNCHERS: Final[tuple[type[ForkLauncher | SpawnLauncher], ...]] = (
    (ForkLauncher, SpawnLauncher) if sys.platform == "linux" else (SpawnLauncher,)
)

MEMORY_BYTES: Final = 2**28


def real_pool(processes: int = 2) -> DecoderPool:
    """A pool as the program has it; to be entered."""
    limits = ProcessLimits(time_s=60.0, memory_bytes=2**31)
    return DecoderPool(choose_launcher(limits), processes=processes)


def poison_pool(
    launcher: type[ForkLauncher | SpawnLauncher] = LAUNCHERS[0],
    *,
    time_s: float = 60.0,
    processes: int = 2,
    notes: Path | None = None,
) -> DecoderPool:
    """A pool whose decoders do what a picture says; to be entered."""
    limits = ProcessLimits(time_s, MEMORY_BYTES)
    return DecoderPool(launcher(poison.DECODE, limits), processes=processes, notes=notes)


def outcome(pool: DecoderPool, picture: bytes) -> tuple[str, ...]:
    """What a picture's decoder answers, or the code and the message of its error."""
    try:
        return pool.decode(picture, poison.SPEC).facts.warnings
    except TaskError as err:
        return (str(err.code), str(err))
