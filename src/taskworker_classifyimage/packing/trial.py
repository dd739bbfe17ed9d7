"""Tries in a process of its own what a damaged file may crash."""

import faulthandler
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from taskworker_classifyimage.packing.libraries import quiet_libraries

_LIMIT_S: Final = 120


def is_survived(action: Callable[[], object]) -> bool:
    """Whether a process lives through an action; errors that it raises do not count.

    Systems without `fork` are not able to try; there it is always said to.
    """
    if not hasattr(os, "fork"):
        return True
    with quiet_libraries():
        child = os.fork()
    if child == 0:
        # What it says of its death is not for the user.
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        # It ends the process, whatever the parent does with it.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LIMIT_S)
        with suppress(BaseException):
            action()
        # Nothing of the parent's is to be ended or written twice.
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status)
