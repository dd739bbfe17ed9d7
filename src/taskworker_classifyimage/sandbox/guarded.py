"""A decoder process with a deadline that another thread enforces."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.launcher import DecoderProcess


class GuardedProcess:
    """Talked to by one thread at a time; `check` and `kill` are for any other.

    Attributes:
        is_late: whether it was killed because a deadline had passed.
        pictures: how many it has decoded.
    """

    def __init__(self, process: DecoderProcess) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._deadline_s = math.inf
        self._is_buried = False
        self.is_late = False
        self.pictures = 0

    @property
    def channel(self) -> Channel:
        """To talk to it; whoever reads gets an error when it is killed."""
        return self._process.channel

    @contextmanager
    def within(self, limit_s: float) -> Iterator[None]:
        """What happens inside may take so long, or the process is killed."""
        self._deadline_s = time.monotonic() + limit_s
        try:
            yield
        finally:
            with self._lock:
                self._deadline_s = math.inf

    def check(self) -> None:
        """Kills it if its deadline has passed."""
        with self._lock:
            if time.monotonic() > self._deadline_s and not self._is_buried:
                self.is_late = True
                self._process.kill()

    def kill(self) -> None:
        """Ends it at once."""
        with self._lock:
            if not self._is_buried:
                self._process.kill()

    def bury(self) -> int:
        """Kills it if it lives; gives its exit code, or minus a signal's number."""
        with self._lock:
            self._is_buried = True
        return self._process.bury()
