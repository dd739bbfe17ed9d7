"""What the worker and a decoder say to each other.

    job     lengths of the two parts | pickled (InputSpec, DecodeLimits) | encoded picture
    answer  kind, length of the JSON | JSON | of a decoded picture: (S, S, 3) pixels

A job comes from the worker, so it may be pickled. An answer comes from a process that a picture may
have taken over: no length, type or text in it is believed.
"""

import json
import pickle
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np

from taskworker_classifyimage.decode import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.errors import ErrorCode, TaskError
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.channel import Broken, Channel
from taskworker_classifyimage.sandbox.checked import checked_json

_JOB: Final = struct.Struct("!IQ")
_ANSWER: Final = struct.Struct("!BI")

#: Facts are a few hundred bytes; whoever sends more has nothing good in mind.
_MOST_JSON_BYTES: Final = 2**16

#: What is wrong with a picture; a fault of this program is told otherwise.
_ERRORS: Final[dict[ErrorCode, type[TaskError]]] = {
    each.code: each for each in TaskError.__subclasses__() if each.code != ErrorCode.INTERNAL
}


class Kind(IntEnum):
    """What an answer is, and what its JSON holds."""

    #: The decoder is up: what keeps it in, a list of texts.
    READY = 1
    #: The facts; the pixels follow.
    DECODED = 2
    #: A `TaskError`: [code, message].
    REFUSED = 3
    #: A fault of this program: its message.
    FAULT = 4


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to decode."""

    encoded: bytes
    spec: InputSpec
    limits: DecodeLimits


def send_job(channel: Channel, job: Job) -> None:
    """Worker to decoder; raises `Broken` if it is gone."""
    how = pickle.dumps((job.spec, job.limits))
    channel.send(_JOB.pack(len(how), len(job.encoded)) + how)
    channel.send(job.encoded)


def read_job(channel: Channel) -> Job:
    """The decoder's next job; raises `Broken` when the worker is gone."""
    how_bytes, encoded_bytes = _JOB.unpack(channel.read(_JOB.size))
    # From the worker, which this process has every reason to trust; never the other way round.
    spec, limits = pickle.loads(channel.read(how_bytes))  # noqa: S301
    return Job(channel.read(encoded_bytes), spec, limits)


def send_answer(channel: Channel, kind: Kind, content: object) -> None:
    """Decoder to worker; raises `Broken` if it is gone."""
    encoded = json.dumps(content).encode()
    channel.send(_ANSWER.pack(kind, len(encoded)) + encoded)


def send_decoded(channel: Channel, decoded: Decoded) -> None:
    """Decoder to worker: facts and pixels."""
    send_answer(channel, Kind.DECODED, asdict(decoded.facts))
    channel.send(np.ascontiguousarray(decoded.pixels).data.cast("B"))


def read_ready(channel: Channel) -> tuple[str, ...]:
    """What a new decoder says that keeps it in.

    Raises:
        RuntimeError: a fault of this program keeps it from coming up.
        Broken: it is gone or breaks the rules.
    """
    kind, content = _read_answer(channel)
    if kind == Kind.FAULT:
        raise RuntimeError(f"a decoder does not start: {_as(str, content)}")
    if kind != Kind.READY:
        raise Broken("an answer before it is up")
    holds: tuple[str, ...] = _as(tuple[str, ...], content)
    return holds


def read_decoded(channel: Channel, spec: InputSpec) -> Decoded:
    """The answer to a job.

    Raises:
        TaskError: the picture cannot be decoded.
        RuntimeError: a fault of this program.
        Broken: the decoder is gone or breaks the rules.
    """
    kind, content = _read_answer(channel)
    if kind == Kind.REFUSED:
        raise _error(_as(tuple[str, ...], content))
    if kind == Kind.FAULT:
        raise RuntimeError(f"in a decoder: {_as(str, content)}")
    if kind != Kind.DECODED:
        raise Broken("no answer to the job")
    facts = _as(PictureFacts, content)
    pixels = np.empty((spec.size, spec.size, 3), dtype=np.uint8)
    channel.fill(pixels.data.cast("B"))
    return Decoded(pixels, facts)


def _read_answer(channel: Channel) -> tuple[int, bytes]:
    kind, count = _ANSWER.unpack(channel.read(_ANSWER.size))
    if count > _MOST_JSON_BYTES:
        raise Broken(f"{count} bytes of JSON")
    return kind, channel.read(count)


def _as(kind: Any, content: bytes) -> Any:
    try:
        return checked_json(content, kind)
    except ValueError as err:
        raise Broken(str(err)) from None


def _error(told: tuple[str, ...]) -> TaskError:
    if len(told) != 2 or told[0] not in _ERRORS:
        raise Broken("an error of an unknown kind")
    return _ERRORS[ErrorCode(told[0])](told[1])
