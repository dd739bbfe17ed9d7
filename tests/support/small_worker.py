"""A worker that is cheap to run: a tiny network, and one process that decodes."""

import functools
import random
import tempfile
from pathlib import Path

from support.packs import colour_network, write_pack
from support.programs import Program, worker
from support.working import coloured_picture

_FOLDER = tempfile.TemporaryDirectory(prefix="classifyimage-pack-")


@functools.cache
def small_flags() -> tuple[str, ...]:
    """What makes any worker a small one."""
    pack = write_pack(Path(_FOLDER.name) / "colours", colour_network())
    # A device that is named is not measured.
    return "--model", str(pack), "--decoder-processes", "1", "--device", "cpu"


def small_worker(url: str, name: str = "w", *flags: str) -> Program:
    return worker(url, name, *small_flags(), *flags)


def any_picture() -> bytes:
    """A small picture unlike all others."""
    return coloured_picture(random.Random())[1]
