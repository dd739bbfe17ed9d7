"""The template process: has loaded the decoding libraries and forks decoders for the worker.

It ends when the worker is gone, and no decoder outlives it.
"""

import contextlib
import errno
import gc
import io
import os
import signal
import socket
import sys

from taskworker_classifyimage.machine import return_freed_memory
from taskworker_classifyimage.sandbox import interpreter, shared_memory
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.decoder import Decode, load_decode, serve
from taskworker_classifyimage.sandbox.forking import FORK_RARE, REAP, REPLY, REQUEST
from taskworker_classifyimage.sandbox.linux import PR_SET_PDEATHSIG, prctl
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits


class Template:
    """Has one thread and never sees a picture, so each fork starts clean."""

    def __init__(self, control: socket.socket, decode: str, limits: ProcessLimits) -> None:
        self._control = control
        self._path = decode
        self._limits = limits
        self._load(rare=False)
        self._children: set[int] = set()

    def run(self) -> None:
        """Answers requests until the worker is gone, then kills all decoders."""
        with contextlib.suppress(ConnectionError):
            self._serve()
        for pid in list(self._children):
            self._reap(pid)

    def _serve(self) -> None:
        while True:
            request, handed_over, _, _ = socket.recv_fds(self._control, REQUEST.size, 2)
            if not request:
                return
            verb, pid = REQUEST.unpack(request)
            try:
                reply = (0, self._reap(pid) if verb == REAP else self._fork(verb, handed_over))
            except OSError as err:
                reply = (err.errno or 1, 0)
            self._control.send(REPLY.pack(*reply))

    def _load(self, *, rare: bool) -> None:
        self._decode: Decode = load_decode(self._path, rare=rare)
        self._rare = rare
        # The garbage collector would write to memory that all forks share.
        gc.collect()
        gc.freeze()

    def _fork(self, verb: bytes, handed_over: list[int]) -> int:
        parent = os.getpid()
        try:
            if verb == FORK_RARE and not self._rare:
                self._load(rare=True)
            pid = os.fork()
            if pid == 0:
                self._run_decoder(parent, *handed_over)
        finally:
            for descriptor in handed_over:
                os.close(descriptor)
        self._children.add(pid)
        return pid

    def _run_decoder(self, parent: int, channel: int, shared: int | None = None) -> None:
        """The child's side of the fork; never returns."""
        code = 1
        try:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            # A template that died before `prctl` sends no signal.
            if os.getppid() == parent:
                self._control.close()
                file = io.FileIO(channel, "r+", closefd=False)
                memory = None
                if shared is not None:
                    # Before the lock-down, which forbids it.
                    memory = shared_memory.attach(shared)
                    os.close(shared)
                serve(Channel(file, file, memory), self._decode, self._limits)
                code = 0
        finally:
            # Skips the template's own clean-up.
            os._exit(code)

    def _reap(self, pid: int) -> int:
        if pid not in self._children:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._children.discard(pid)
        return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Runs until the worker is gone."""
    interpreter.ignore_stop_signals()
    decode, limits = interpreter.read_arguments()
    return_freed_memory()
    with socket.socket(fileno=int(sys.argv[-1])) as control:
        Template(control, decode, limits).run()


if __name__ == "__main__":
    main()
