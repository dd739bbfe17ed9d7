"""Linux: whether a decoder does what nobody asked for, as one that a picture has taken over."""

import contextlib
import select
import sys
import time
from typing import Final

import psutil

from taskworker_classifyimage.sandbox.channel import Channel

#: Decoding takes a few; a decoder with more is on its way to all that the system has.
_MAX_THREADS: Final = 64
#: What freeing a picture may take after its answer.
_MAX_IDLE_CPU_S: Final = 1.0
#: A thread that has ended counts for a moment longer.
_THREAD_ENDS: Final = 20
_THREAD_END_S: Final = 1e-3
#: It has ended, or this process has no descriptor left to look with.
_UNKNOWN: Final = (psutil.Error, OSError)


class Usage:
    """Threads and CPU time of a decoder that is up and has not got a picture yet."""

    def __init__(self, pid: int, channel: Channel) -> None:
        """Counts its threads; raises `psutil.Error` if it has ended."""
        self._process = psutil.Process(pid)
        self._channel = channel
        self._threads = self._process.num_threads()
        self._idle_since = -1
        self._idle_cpu_s = 0.0

    @classmethod
    def of(cls, pid: int | None, channel: Channel) -> "Usage | None":
        """The usage of a decoder; None where it cannot be told."""
        if pid is None or sys.platform != "linux":
            return None
        with contextlib.suppress(*_UNKNOWN):
            return cls(pid, channel)
        return None

    def is_excessive(self) -> bool:
        """Whether it has started more threads than any decoder needs."""
        with contextlib.suppress(*_UNKNOWN):
            return self._process.num_threads() > _MAX_THREADS
        return False

    def is_ready(self) -> bool:
        """Whether it waits for its next picture: no more threads than at first, nothing said."""
        # `select` knows no descriptors from 1024 up.
        poll = select.poll()
        poll.register(self._channel.reader, select.POLLIN)
        if poll.poll(0):
            return False
        with contextlib.suppress(*_UNKNOWN):
            for _ in range(_THREAD_ENDS):
                if self._process.num_threads() <= self._threads:
                    return True
                time.sleep(_THREAD_END_S)
        return False

    def computes_idly(self, pictures: int) -> bool:
        """Whether it has computed since it was first seen idle after that many pictures."""
        with contextlib.suppress(*_UNKNOWN):
            times = self._process.cpu_times()
            cpu_s = times.user + times.system
            if pictures != self._idle_since:
                self._idle_since, self._idle_cpu_s = pictures, cpu_s
            return cpu_s - self._idle_cpu_s > _MAX_IDLE_CPU_S
        return False
