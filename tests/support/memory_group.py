"""Programs in a control group with a limit of memory, where this process may make one (Linux)."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.waiting import wait_until

_VERSION_1 = Path("/sys/fs/cgroup/memory")
_VERSION_2 = Path("/sys/fs/cgroup")


class MemoryGroup:
    """A group in which commands can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, command: Sequence[str]) -> list[str]:
        """A command that runs another one in the group."""
        enter = f'echo $$ > {self.folder}/cgroup.procs; exec "$@"'
        return ["/bin/sh", "-c", enter, "sh", *command]

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed in it for want of memory."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                lines = (self.folder / name).read_text(encoding="ascii").splitlines()
                return int(next(line.split()[1] for line in lines if line.startswith("oom_kill ")))
        raise AssertionError("the kernel does not count")


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """A group for the time of the block; skips the test where none can be made."""
    if sys.platform != "linux":
        pytest.skip("control groups are a thing of Linux")
    is_version_1 = (_VERSION_1 / "memory.limit_in_bytes").exists()
    folder = (_VERSION_1 if is_version_1 else _VERSION_2) / f"classifyimage-test-{os.getpid()}"
    limit = "memory.limit_in_bytes" if is_version_1 else "memory.max"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(limit_bytes), encoding="ascii")
        # Swap would hide that memory runs out.
        with contextlib.suppress(OSError):
            (folder / "memory.swap.max").write_text("0", encoding="ascii")
    except OSError as err:
        with contextlib.suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no control group can be made here: {err}")
    try:
        yield MemoryGroup(folder)
    finally:
        # A worker's decoders may end a moment after it.
        wait_until(lambda: not (folder / "cgroup.procs").read_text(encoding="ascii"))
        folder.rmdir()
