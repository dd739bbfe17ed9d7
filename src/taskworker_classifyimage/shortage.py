"""Recognises errors that say what the machine is short of; they are no answer to any task."""

import errno
from typing import Final

_SHORT_OF: Final = {
    errno.EAGAIN: "processes or threads (see `pids.max` of the control group, `ulimit -u`)",
    errno.EMFILE: "file descriptors (see `ulimit -n`)",
    errno.ENFILE: "file descriptors, of all programs together",
    errno.ENOMEM: "memory",
}


def name_shortage(err: BaseException | None) -> str | None:
    """What the machine is short of by an error or its causes; None if they say nothing of it."""
    while err is not None:
        if isinstance(err, OSError) and err.errno in _SHORT_OF:
            return _SHORT_OF[err.errno]
        if isinstance(err, RuntimeError) and "can't start new thread" in str(err):
            return _SHORT_OF[errno.EAGAIN]
        err = err.__cause__
    return None
