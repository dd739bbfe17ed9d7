"""Linux: decoders are forked from a template process, in milliseconds and on shared memory.

The worker itself has threads and cannot fork safely; the template has one thread, and never sees a
picture. `template` is its side.
"""

import contextlib
import errno
import io
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

from taskworker_classifyimage.sandbox import interpreter
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.limits import ProcessLimits

#: What is asked of the template: a verb and, of BURY, the process.
REQUEST: Final = struct.Struct("!ci")
FORK: Final = b"f"
BURY: Final = b"b"
#: Its reply: an error's number or 0; the new process, or the exit code of the buried one.
REPLY: Final = struct.Struct("!ii")

#: To load the decoders from a disk that is very busy.
_REPLY_S: Final = 60.0
_END_S: Final = 5.0


class ForkLauncher:
    """A `Launcher` with a template process, which is started again should it have died."""

    def __init__(self, decode: str, limits: ProcessLimits, *, reply_s: float = _REPLY_S) -> None:
        self._decode = decode
        self._limits = limits
        self._reply_s = reply_s
        self._lock = threading.Lock()
        self._template: _Template | None = None
        self._is_closed = False

    def open(self) -> None:
        """Starts the template; does not wait until it is up."""
        with self._lock:
            self._running_template()

    def launch(self) -> "ForkedDecoder":
        """A new decoder.

        Raises:
            OSError: the system has no process to give, or the template does not start.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                pid = self._running_template().ask(FORK, handed_over=[theirs.fileno()])
            except BaseException:
                ours.close()
                raise
        both = io.FileIO(ours.detach(), "r+")
        return ForkedDecoder(self, pid, Channel(both, both))

    def bury(self, pid: int) -> int:
        """Kills a decoder and gives its exit code."""
        with self._lock:
            if self._template is not None:
                with contextlib.suppress(OSError):
                    return self._template.ask(BURY, pid)
        # Decoders die with the template that they are from.
        return -signal.SIGKILL

    def close(self) -> None:
        """Ends the template, which ends its decoders first."""
        with self._lock:
            self._is_closed = True
            if self._template is not None:
                self._template.close()
                self._template = None

    def _running_template(self) -> "_Template":
        if self._is_closed:
            raise OSError(errno.ESHUTDOWN, os.strerror(errno.ESHUTDOWN))
        if self._template is not None and self._template.has_ended:
            self._template.close()
            self._template = None
        if self._template is None:
            self._template = _Template(self._decode, self._limits, self._reply_s)
        return self._template


class ForkedDecoder:
    """A decoder that the template has forked.

    Attributes:
        channel: to talk to it.
    """

    def __init__(self, launcher: ForkLauncher, pid: int, channel: Channel) -> None:
        self._launcher = launcher
        self._pid = pid
        self.channel = channel

    def kill(self) -> None:
        """Ends it at once; until it is buried no other process gets its number."""
        # A template that died took it along.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def bury(self) -> int:
        """Kills it if it lives; gives its exit code."""
        self.channel.close()
        return self._launcher.bury(self._pid)


class _Template:
    """The template process; used by one thread at a time."""

    def __init__(self, decode: str, limits: ProcessLimits, reply_s: float) -> None:
        self._is_late = False
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._control.settimeout(reply_s)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                [*interpreter.command("template", decode, limits), str(theirs.fileno())],
                env=interpreter.environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, for whatever reason, or of no use any more."""
        return self._is_late or self._process.poll() is not None

    def ask(self, verb: bytes, pid: int = 0, handed_over: Sequence[int] = ()) -> int:
        """Raises `OSError` if it is gone or cannot."""
        try:
            socket.send_fds(self._control, [REQUEST.pack(verb, pid)], handed_over)
            reply = self._control.recv(REPLY.size)
        except TimeoutError:
            # What it says yet would be taken for the answer to the next question.
            self._is_late = True
            raise
        if not reply:
            raise OSError(errno.ECHILD, "the process that decoders are made from has ended")
        error, number = REPLY.unpack(reply)
        if error:
            raise OSError(error, os.strerror(error))
        return int(number)

    def close(self) -> None:
        """Ends it and its decoders; may be called when it has ended."""
        self._control.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
