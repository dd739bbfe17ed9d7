"""Counts the files of a run beside it, in a process of its own.

In a thread, each look at a file would wait for the run's threads, and they for it.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.sources import Sources
from taskworker_classifyimage.local.walk import Walk


class Counting:
    """A count that goes on until it ends or is stopped."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        """Starts nothing; `tell` gets the number of files, from a thread of its own."""
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None

    def start(self, sources: Sources) -> None:
        """Starts the count, unless these files cannot be found twice, or the system has no room."""
        if not sources.can_be_counted:
            return
        filters = sources.walk.filters
        named = (sources.paths, sources.files_from)
        rules = (filters.include, filters.exclude, filters.takes_all, sorted(sources.walk.own))
        wanted = json.dumps([*named, *rules])
        with contextlib.suppress(OSError, RuntimeError):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "taskworker_classifyimage.local.counting"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="ascii",
            )
            threading.Thread(target=self._wait, args=(wanted,), daemon=True).start()

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait(self, wanted: str) -> None:
        assert self._process is not None  # noqa: S101 - set before the thread starts
        printed, _ = self._process.communicate(wanted)
        if printed.strip():
            self._tell(int(printed))


def count(
    paths: Sequence[str],
    files_from: str | None,
    include: Sequence[str],
    exclude: Sequence[str],
    takes_all: bool,
    own: Sequence[str],
) -> int:
    """The number of files that a run will find; see `Sources` and `Filters`."""
    walk = Walk(Filters(include, exclude, takes_all), own=frozenset(own))
    return sum(1 for _ in Sources(paths, walk, files_from).find())


if __name__ == "__main__":
    with contextlib.suppress(AttributeError, OSError):
        # The run comes first.
        os.nice(10)
    sys.stdout.write(str(count(*json.load(sys.stdin))))
