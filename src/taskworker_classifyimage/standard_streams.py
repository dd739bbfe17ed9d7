"""Standard input, output and error, which a caller may have closed."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

_NAMES: Final = ("stdin", "stdout", "stderr")


def open_standard_streams() -> None:
    """Opens each of the descriptors 0 to 2 that is closed, to the null device.

    Otherwise the next file, socket or pipe gets its number, and what is printed goes into it.
    """
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Discards what native code writes to stderr, such as TensorFlow and Ray at their start."""
    try:
        kept = os.dup(2)
    except OSError:
        # A service may have no stderr.
        yield
        return
    try:
        sys.stderr.flush()
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a file
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
