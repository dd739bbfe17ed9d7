"""Linux: decoders are forked from a template process, in milliseconds and sharing its memory.

The worker has threads, so it cannot fork safely. The template has one thread and never sees a
picture. `template` is the other side of this protocol.
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
from functools import partial
from typing import Final

from taskworker_classifyimage.sandbox import interpreter, shared_memory
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.process import DecoderProcess, Launcher

#: A request to the template: a verb, and the process ID for REAP. With FORK come the descriptors of
#: a socket and, if there is one, of shared memory. FORK_RARE: with libraries of rare formats.
REQUEST: Final = struct.Struct("!ci")
FORK: Final = b"f"
FORK_RARE: Final = b"F"
REAP: Final = b"r"
#: Its reply: an errno or 0; the new process ID, or the exit code of the reaped process.
REPLY: Final = struct.Struct("!ii")

#: Enough to load the decoding libraries from a very busy disk.
_REPLY_S: Final = 60.0
_END_S: Final = 5.0


class ForkLauncher(Launcher):
    """Owns a template process, and starts a new one if it has died.

    Attributes:
        reply_s: how long the template may take for a reply.
    """

    def __init__(self, decode: str, limits: ProcessLimits) -> None:
        self.limits = limits
        self.reply_s = _REPLY_S
        self._decode = decode
        self._lock = threading.Lock()
        self._template: _Template | None = None
        self._fork = FORK
        self._is_closed = False

    def open(self) -> None:
        """Starts the template; does not wait until it is up."""
        with self._lock:
            self._get_template()

    def launch(self) -> DecoderProcess:
        """Forks a decoder; raises `OSError` if the system cannot, or if no template starts."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            near, far = socket.socketpair()
            ours.enter_context(near)
            theirs.enter_context(far)
            descriptors, memory = [far.fileno()], None
            if (shared := shared_memory.create()) is not None:
                theirs.callback(os.close, shared)
                descriptors.append(shared)
                memory = ours.enter_context(shared_memory.attach(shared))
            with self._lock:
                fork = self._fork
                pid = self._get_template().request(fork, self.reply_s, handed_over=descriptors)
            file = io.FileIO(near.detach(), "r+")
            ours.pop_all()
        return DecoderProcess(
            Channel(file, file, memory),
            kill=partial(_kill, pid),
            reap=partial(self._reap, pid),
            pid=pid,
            decodes_rare=fork == FORK_RARE,
        )

    def expect_rare(self) -> None:
        """See `Launcher`: the template loads what is missing before it forks again."""
        self._fork = FORK_RARE

    def close(self) -> None:
        """Ends the template, which ends its decoders first."""
        with self._lock:
            self._is_closed = True
            if self._template is not None:
                self._template.close()
                self._template = None

    def _get_template(self) -> "_Template":
        if self._is_closed:
            raise OSError(errno.ESHUTDOWN, os.strerror(errno.ESHUTDOWN))
        if self._template is not None and self._template.has_ended:
            self._template.close()
            self._template = None
        if self._template is None:
            self._template = _Template(self._decode, self.limits)
        return self._template

    def _reap(self, pid: int) -> int:
        with self._lock, contextlib.suppress(OSError):
            if self._template is not None:
                return self._template.request(REAP, self.reply_s, pid=pid)
        # Decoders die with their template.
        return -signal.SIGKILL


class _Template:
    """A template process; used by one thread at a time."""

    def __init__(self, decode: str, limits: ProcessLimits) -> None:
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                [*interpreter.build_command("template", decode, limits), str(theirs.fileno())],
                env=interpreter.build_environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone, for whatever reason."""
        return self._process.poll() is not None

    def request(
        self, verb: bytes, reply_s: float, *, pid: int = 0, handed_over: Sequence[int] = ()
    ) -> int:
        """Asks the process; raises `OSError` if it has ended, fails or does not reply in time."""
        self._control.settimeout(reply_s)
        try:
            socket.send_fds(self._control, [REQUEST.pack(verb, pid)], handed_over)
            reply = self._control.recv(REPLY.size)
        except TimeoutError:
            # A late reply would be taken for the answer to the next request.
            self._process.kill()
            self._process.wait()
            raise
        if not reply:
            raise OSError(errno.ECHILD, "the template process of the decoders has ended")
        error, number = REPLY.unpack(reply)
        if error:
            raise OSError(error, os.strerror(error))
        return int(number)

    def close(self) -> None:
        """Ends the process and its decoders, unless they have ended already."""
        self._control.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _kill(pid: int) -> None:
    # It is gone if its template has died; until the template reaps it, its ID is not used again.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
