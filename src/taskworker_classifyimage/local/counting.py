"""Counts the files of a run beside it, in a process of its own.

In a thread, each look at a file would wait for the run's threads, and they for it.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.index import SeenPaths
from taskworker_classifyimage.local.sources import Sources
from taskworker_classifyimage.local.vics.case import Case
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
        case = sources.case and (str(sources.case.path), str(sources.case.folder))
        named = (sources.paths, sources.files_from, case)
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


def count(wanted: str) -> int:
    """The number of files that a run will find, by what the run has written about them."""
    paths, files_from, case, include, exclude, takes_all, own = json.loads(wanted)
    walk = Walk(Filters(include, exclude, takes_all), own=frozenset(own))
    named = Case(Path(case[0]), Path(case[1])) if case else None
    sources = Sources(paths, walk, files_from, case=named)
    seen = SeenPaths() if sources.may_repeat else None
    return sum(1 for found in sources.find() if seen is None or seen.add(found.path))


if __name__ == "__main__":
    with contextlib.suppress(AttributeError, OSError):
        # The run comes first.
        os.nice(10)
    sys.stdout.write(str(count(sys.stdin.read())))
