"""Linux: whether a decoder does what nobody asked for, as one that a picture has taken over."""

import contextlib
import os
import select
import sys
import time
from typing import Final

from taskworker_classifyimage.sandbox.channel import Channel

#: Decoding takes a few; a decoder with more is on its way to all that the system has.
_MAX_THREADS: Final = 64
#: What freeing a picture may take after its answer.
_MAX_IDLE_CPU_S: Final = 1.0
#: A thread that has ended counts for a moment longer.
_THREAD_ENDS: Final = 20
_THREAD_END_S: Final = 1e-3
#: Fields of /proc/PID/stat behind the name, which may hold blanks (proc(5)); ticks are CPU time.
_USER_TICKS, _SYSTEM_TICKS, _THREADS = 11, 12, 17
_STAT_BYTES: Final = 2048


class Usage:
    """Threads and CPU time of a decoder that is up and has not got a picture yet."""

    def __init__(self, pid: int, channel: Channel) -> None:
        """Counts its threads; raises `OSError` if it has ended, or no descriptor is left."""
        # Kept open: this is read for each picture, and no other process can get the number.
        self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        self._channel = channel
        try:
            self._threads = self._count_threads()
        except OSError:
            self.close()
            raise
        self._idle_since = -1
        self._idle_cpu_s = 0.0

    @classmethod
    def of(cls, pid: int | None, channel: Channel) -> "Usage | None":
        """The usage of a decoder; None where it cannot be told."""
        if pid is None or sys.platform != "linux":
            return None
        with contextlib.suppress(OSError):
            return cls(pid, channel)
        return None

    def close(self) -> None:
        """Nothing is asked any more."""
        os.close(self._stat)

    def is_excessive(self) -> bool:
        """Whether it has started more threads than any decoder needs."""
        with contextlib.suppress(OSError):
            return self._count_threads() > _MAX_THREADS
        return False

    def is_ready(self) -> bool:
        """Whether it waits for its next picture: no more threads than at first, nothing said."""
        # `select` knows no descriptors from 1024 up.
        poll = select.poll()
        poll.register(self._channel.reader, select.POLLIN)
        if poll.poll(0):
            return False
        with contextlib.suppress(OSError):
            for _ in range(_THREAD_ENDS):
                if self._count_threads() <= self._threads:
                    return True
                time.sleep(_THREAD_END_S)
        return False

    def computes_idly(self, pictures: int) -> bool:
        """Whether it has computed since it was first seen idle after that many pictures."""
        with contextlib.suppress(OSError):
            fields = self._read()
            ticks = int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
            cpu_s = ticks / os.sysconf("SC_CLK_TCK")
            if pictures != self._idle_since:
                self._idle_since, self._idle_cpu_s = pictures, cpu_s
            return cpu_s - self._idle_cpu_s > _MAX_IDLE_CPU_S
        return False

    def _count_threads(self) -> int:
        return int(self._read()[_THREADS])

    def _read(self) -> list[bytes]:
        return os.pread(self._stat, _STAT_BYTES, 0).rpartition(b")")[2].split()
