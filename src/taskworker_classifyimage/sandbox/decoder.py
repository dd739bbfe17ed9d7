"""The decoder process itself: one picture after the other, until the worker closes the channel."""

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

from taskworker_classifyimage.decode import Decoded, DecodeLimits
from taskworker_classifyimage.errors import DamagedPicture, TaskError, TooLarge, one_line
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.channel import Broken, Channel
from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.lockdown import lock_down
from taskworker_classifyimage.sandbox.messages import (
    Job,
    Kind,
    read_job,
    send_answer,
    send_decoded,
)

Decode = Callable[[bytes, InputSpec, DecodeLimits], Decoded]

#: What a module that decodes may have besides: imports all that it will ever need.
_PRELOAD: Final = "preload_decoders"
#: Those of texts inside of pictures: Python imports an encoding when it is first used.
_ENCODINGS: Final = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252")


class _Refused(importlib.abc.MetaPathFinder):
    """Takes note of what is to be imported when nothing can be any more."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - as Python calls it
        """Finds nothing."""
        self.names.append(name)


_refused: Final = _Refused()


def load(path: str) -> Decode:
    """The function at "module:name", with all loaded that it will ever import."""
    module_name, _, name = path.partition(":")
    module = importlib.import_module(module_name)
    getattr(module, _PRELOAD, lambda: None)()
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    decode: Decode = getattr(module, name)
    return decode


def serve(channel: Channel, decode: Decode, limits: ProcessLimits) -> None:
    """Locks this process down and decodes until the worker is gone."""
    _silence()
    with contextlib.suppress(Broken):
        try:
            holds = lock_down(limits)
        except Exception as err:  # noqa: BLE001 - the worker tells the operator
            send_answer(channel, Kind.FAULT, one_line(err))
            return
        if holds:
            sys.meta_path.insert(0, _refused)
        send_answer(channel, Kind.READY, holds)
        while True:
            _answer(channel, read_job(channel), decode, limits)


def _answer(channel: Channel, job: Job, decode: Decode, limits: ProcessLimits) -> None:
    _refused.names.clear()
    try:
        with _timed(limits.time_s):
            decoded = decode(job.encoded, job.spec, job.limits)
    except TaskError as err:
        if isinstance(err, DamagedPicture) and _refused.names:
            # Not the picture's fault: something is missing from what was loaded beforehand.
            send_answer(channel, Kind.FAULT, f"{_refused.names} was to be imported: {err}")
        else:
            send_answer(channel, Kind.REFUSED, (err.code, str(err)))
    except MemoryError:
        send_answer(channel, Kind.REFUSED, (TooLarge.code, "decoding needs too much memory"))
    except Exception as err:  # noqa: BLE001 - the worker logs it and the client gets an answer
        send_answer(channel, Kind.FAULT, f"{type(err).__name__}: {one_line(err)}")
    else:
        send_decoded(channel, decoded)


@contextlib.contextmanager
def _timed(limit_s: float) -> Iterator[None]:
    """Ends this process if what happens inside takes too long; the worker watches besides."""
    if hasattr(signal, "setitimer"):
        # CPU time, of all threads. Nothing handles the signal, so it ends the process.
        signal.setitimer(signal.ITIMER_PROF, limit_s)
    if sys.platform != "linux":
        # Nothing else there ends a decoder that hangs after its worker was killed.
        faulthandler.dump_traceback_later(2 * limit_s, exit=True, file=2)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        if sys.platform != "linux":
            faulthandler.cancel_dump_traceback_later()


def _silence() -> None:
    """What decoders print of damaged files is nothing that anybody could use."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    warnings.simplefilter("ignore")
