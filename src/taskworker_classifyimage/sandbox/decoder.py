"""What runs in a decoder process: decodes one picture after another until the worker is gone."""

import codecs
import contextlib
import faulthandler
import importlib.abc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Final

from taskworker_classifyimage.decode import Decoded
from taskworker_classifyimage.errors import (
    DamagedPicture,
    NeedsMemory,
    TaskError,
    TooLarge,
    one_line,
)
from taskworker_classifyimage.sandbox.channel import Channel, ChannelBroken
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits, lock_down
from taskworker_classifyimage.sandbox.messages import (
    Job,
    Kind,
    read_job,
    send_answer,
    send_decoded,
)

#: Takes (encoded, spec, limits), and `thumbnail=True` if one is wanted.
Decode = Callable[..., Decoded]

#: Encodings of texts in pictures: Python imports an encoding when it is first used.
_ENCODINGS: Final = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252")


class _IsRare(Exception):
    """A picture is in a rare format, whose libraries are not loaded."""


class _LateImports(importlib.abc.MetaPathFinder):
    """Records imports that are tried after the lock-down, when every import fails."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - the interface of finders
        """Finds nothing."""
        self.names.append(name)


_late_imports: Final = _LateImports()


def load_decode(path: str, *, rare: bool) -> Decode:
    """Imports the function at "module:name" and everything that it will ever import.

    Without `rare`, it takes no pictures of rare formats, and their libraries are not imported.
    """
    module_name, _, name = path.partition(":")
    module = importlib.import_module(module_name)
    # A module without these functions needs no further imports.
    getattr(module, "preload_decoders", lambda **_: None)(rare=rare)
    is_rare = getattr(module, "is_rare", lambda _: False)
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    decode: Decode = getattr(module, name)

    def decode_frequent(encoded: bytes, *more: object, **wish: object) -> Decoded:
        if is_rare(encoded):
            raise _IsRare
        return decode(encoded, *more, **wish)

    return decode if rare else decode_frequent


def serve(channel: Channel, decode: Decode, limits: ProcessLimits) -> None:
    """Locks this process down and decodes until the worker is gone."""
    _discard_output()
    with contextlib.suppress(ChannelBroken):
        try:
            protections = lock_down(limits)
        except Exception as err:  # noqa: BLE001 - the worker reports it to the operator
            send_answer(channel, Kind.FAULT, one_line(err))
            return
        if protections:
            sys.meta_path.insert(0, _late_imports)
        send_answer(channel, Kind.READY, protections)
        while True:
            _answer(channel, read_job(channel), decode, limits)


def _answer(channel: Channel, job: Job, decode: Decode, limits: ProcessLimits) -> None:
    _late_imports.names.clear()
    try:
        with _limit_time(limits.time_s):
            wish = {"thumbnail": True} if job.thumbnail else {}
            decoded = decode(job.encoded, job.spec, job.limits, **wish)
    except _IsRare:
        send_answer(channel, Kind.NEEDS_LIBRARIES, None)
    except NeedsMemory as err:
        send_answer(channel, Kind.NEEDS_MEMORY, err.needed_bytes)
    except TaskError as err:
        if isinstance(err, DamagedPicture) and _late_imports.names:
            # The picture may be intact: `load_decode` has missed something that it needs.
            send_answer(channel, Kind.FAULT, f"not preloaded: {_late_imports.names}: {err}")
        else:
            send_answer(channel, Kind.REFUSED, (err.code, str(err)))
    except MemoryError:
        send_answer(channel, Kind.REFUSED, (TooLarge.code, "decoding needs too much memory"))
    except Exception as err:  # noqa: BLE001 - the worker logs it and the client gets an answer
        send_answer(channel, Kind.FAULT, f"{type(err).__name__}: {one_line(err)}")
    else:
        send_decoded(channel, decoded)


@contextlib.contextmanager
def _limit_time(limit_s: float) -> Iterator[None]:
    """Ends this process if what happens inside takes too long, as the worker's deadline does."""
    if hasattr(signal, "setitimer"):
        # Counts CPU time of all threads. Nothing handles its signal, so it ends the process.
        signal.setitimer(signal.ITIMER_PROF, limit_s)
    if sys.platform != "linux":
        # Nothing else ends a decoder there that hangs after its worker was killed.
        faulthandler.dump_traceback_later(2 * limit_s, exit=True, file=2)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        if sys.platform != "linux":
            faulthandler.cancel_dump_traceback_later()


def _discard_output() -> None:
    """Discards what libraries print about damaged files, and disconnects the standard files."""
    null_device = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null_device, descriptor)
    os.close(null_device)
    warnings.simplefilter("ignore")
