"""The template process: has the decoders loaded and forks one whenever the worker asks.

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

from taskworker_classifyimage.sandbox import interpreter
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.decoder import Decode, load, serve
from taskworker_classifyimage.sandbox.forking import BURY, REPLY, REQUEST
from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.linux import PR_SET_PDEATHSIG, prctl


class Template:
    """One thread, no picture ever: what is in here is as good as new in every fork."""

    def __init__(self, control: socket.socket, decode: Decode, limits: ProcessLimits) -> None:
        self._control = control
        self._decode = decode
        self._limits = limits
        self._children: set[int] = set()

    def run(self) -> None:
        """Does what the worker asks until it is gone."""
        with contextlib.suppress(ConnectionError):
            self._serve()
        for pid in list(self._children):
            self._bury(pid)

    def _serve(self) -> None:
        while True:
            request, handed_over, _, _ = socket.recv_fds(self._control, REQUEST.size, 1)
            if not request:
                return
            verb, pid = REQUEST.unpack(request)
            try:
                reply = (0, self._bury(pid) if verb == BURY else self._fork(*handed_over))
            except OSError as err:
                reply = (err.errno or 1, 0)
            self._control.send(REPLY.pack(*reply))

    def _fork(self, channel: int) -> int:
        parent = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                self._be_decoder(parent, channel)
        finally:
            os.close(channel)
        self._children.add(pid)
        return pid

    def _be_decoder(self, parent: int, channel: int) -> None:
        code = 1
        try:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == parent:
                self._control.close()
                both = io.FileIO(channel, "r+", closefd=False)
                serve(Channel(both, both), self._decode, self._limits)
                code = 0
        finally:
            # Nothing of the template's own is run on the way out.
            os._exit(code)

    def _bury(self, pid: int) -> int:
        if pid not in self._children:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._children.discard(pid)
        return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Runs until the worker is gone."""
    interpreter.ignore_stops()
    decode, limits = interpreter.orders()
    with socket.socket(fileno=int(sys.argv[-1])) as control:
        template = Template(control, load(decode), limits)
        # What is there now is shared with all forks, as long as nobody touches it.
        gc.collect()
        gc.freeze()
        template.run()


if __name__ == "__main__":
    main()
