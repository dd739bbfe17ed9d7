"""One decoder process as the worker sees it, and what starts such processes."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from taskworker_classifyimage.decode.picture import Maker
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.usage import Usage


class DecoderProcess:
    """A decoder process with a deadline that another thread enforces.

    One thread at a time talks to it; any other may call `check` and `kill`.

    Attributes:
        channel: connects to it; killing the process ends a read with `ChannelClosed`.
        is_late: whether it was killed because it missed a deadline.
        is_restless: whether it was killed because it computed without being asked.
        pictures: how many it was given to decode.
        maker: tells those who keep its answers when it is replaced.
        pid: its process ID, if it is known.
        decodes_rare: whether it has the libraries of rare formats.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        kill: Callable[[], None],
        reap: Callable[[], int],
        pid: int | None = None,
        decodes_rare: bool = True,
    ) -> None:
        """The process has been started and sends its first message when it is up.

        Args:
            channel: connects to it.
            kill: ends it at once; called from any thread, and never after `reap`.
            reap: kills it if it is alive, and returns its exit code, or minus the number of the
                signal that ended it.
            pid: its process ID; None: what it does unasked is not looked at.
            decodes_rare: see the attribute.
        """
        self.channel = channel
        self.is_late = self.is_restless = False
        self.pictures = 0
        self.maker = Maker()
        self.pid = pid
        self.decodes_rare = decodes_rare
        self._usage: Usage | None = None
        self._kill = kill
        self._reap = reap
        self._is_reaped = False
        self._deadline_s = math.inf
        self._lock = threading.Lock()

    @contextmanager
    def within(self, limit_s: float) -> Iterator[None]:
        """Sets a deadline for what happens inside; `check_deadline` enforces it."""
        self._deadline_s = time.monotonic() + limit_s
        try:
            yield
        finally:
            with self._lock:
                self._deadline_s = math.inf

    def note_ready(self) -> None:
        """It is up and has seen no picture: what it has now it may always have."""
        self._usage = Usage.of(self.pid, self.channel)

    @property
    def is_fit(self) -> bool:
        """Whether it may get another picture."""
        if self.is_late or self.is_restless:
            return False
        return self._usage is None or self._usage.is_ready()

    def check(self) -> None:
        """Kills the process if its deadline has passed, or if it does what nobody asked for."""
        with self._lock:
            if self._is_reaped:
                return
            if time.monotonic() > self._deadline_s:
                self.is_late = True
                self._kill()
            elif self._usage is not None and self._is_out_of_hand(self._usage):
                self.is_restless = self.maker.is_replaced = True
                self._kill()

    def _is_out_of_hand(self, usage: Usage) -> bool:
        if self._deadline_s < math.inf:
            return usage.is_excessive()
        return usage.computes_idly(self.pictures)

    def kill(self) -> None:
        """Ends the process at once."""
        with self._lock:
            if not self._is_reaped:
                self._kill()

    def reap(self) -> int:
        """Kills the process if it is alive and releases all that belongs to it.

        Returns:
            Its exit code, or minus the number of the signal that ended it.
        """
        with self._lock:
            # From here on its process ID may belong to another process.
            self._is_reaped = True
            self.maker.is_replaced = True
            if self._usage is not None:
                self._usage.close()
        self.channel.close()
        return self._reap()


class Launcher(Protocol):
    """Starts decoder processes; may be used from several threads at once.

    Attributes:
        limits: what one picture may cost a decoder.
    """

    limits: ProcessLimits

    def open(self) -> None:
        """Prepares for `launch` if that is needed; returns at once."""

    def launch(self) -> DecoderProcess:
        """Starts a process; does not wait until it is up.

        Raises:
            OSError: the system cannot start one.
        """

    def expect_rare(self) -> None:
        """Makes the processes that are launched from now on decode rare formats as well."""

    def close(self) -> None:
        """Releases what `open` and `launch` need, if anything; may be called twice."""
