"""The protocol between the worker and a decoder.

    job     lengths of the next two parts | pickled (spec, limits, thumbnail) | encoded picture
    answer  kind, length of the JSON | JSON | for a decoded picture: (S, S, 3) pixels, and for a
            thumbnail its height and width, and (H, W, 3) pixels

The encoded picture and the pixels are in the shared memory instead, if there is one and they fit.

A job comes from the worker, so it may be pickled. An answer comes from a process that a picture may
have taken over, so every length, type and text in it is checked.
"""

import json
import pickle
import struct
from dataclasses import asdict, dataclass, is_dataclass
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from taskworker_classifyimage.decode import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.decode.picture import THUMBNAIL_SIDE
from taskworker_classifyimage.errors import (
    DamagedPicture,
    EmptyFile,
    NeedsMemory,
    TaskError,
    TooLarge,
    UnsupportedFormat,
)
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.channel import Channel, ChannelBroken
from taskworker_classifyimage.sandbox.facts import check_facts

_JOB: Final = struct.Struct("!IQ")
_ANSWER: Final = struct.Struct("!BI")
_SIDES: Final = struct.Struct("!HH")

#: Facts take a few hundred bytes.
_MAX_JSON_BYTES: Final = 2**16
_MAX_CHARACTERS: Final = 300
_MAX_ITEMS: Final = 50
#: Numbers have to be smaller than this, positive or negative.
_NUMBER_LIMIT: Final = 2**63

#: What a decoder can find wrong with a picture; all other errors are for the worker to find.
_ERRORS: Final[dict[str, type[TaskError]]] = {
    error.code: error for error in (EmptyFile, UnsupportedFormat, DamagedPicture, TooLarge)
}


class Kind(IntEnum):
    """The kind of an answer, which decides what its JSON holds."""

    #: The decoder is up: a list of what restricts it.
    READY = 1
    #: The facts; the pixels follow.
    DECODED = 2
    #: A `TaskError`: [code, message].
    REFUSED = 3
    #: A fault of this program: its message.
    FAULT = 4
    #: More memory is needed than the job allows: how much, in bytes.
    NEEDS_MEMORY = 5
    #: Libraries of rare formats are needed, which this decoder has not loaded: null.
    NEEDS_LIBRARIES = 6


class NeedsLibraries(ChannelBroken):
    """A decoder without the libraries of rare formats needs them; it is of no more use."""


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to decode.

    Attributes:
        is_alone: whether no other picture is decoded meanwhile; the worker's own business.
        thumbnail: whether a thumbnail is wanted as well.
    """

    encoded: bytes
    spec: InputSpec
    limits: DecodeLimits
    is_alone: bool = True
    thumbnail: bool = False


def send_job(channel: Channel, job: Job) -> None:
    """Sends a job to a decoder; raises `ChannelClosed` if it is gone."""
    options = _pack_options(job.spec, job.limits, job.thumbnail)
    is_put = channel.put(job.encoded)
    channel.send(_JOB.pack(len(options), len(job.encoded)) + options)
    if not is_put:
        channel.send(job.encoded)


def read_job(channel: Channel) -> Job:
    """Reads a decoder's next job; raises `ChannelClosed` when the worker is gone."""
    options_bytes, encoded_bytes = _JOB.unpack(channel.read(_JOB.size))
    spec, limits, thumbnail = _unpack_options(channel.read(options_bytes))
    return Job(channel.take_bytes(encoded_bytes), spec, limits, thumbnail=thumbnail)


@lru_cache(maxsize=64)
def _pack_options(spec: InputSpec, limits: DecodeLimits, thumbnail: bool) -> bytes:
    """The same for most pictures."""
    return pickle.dumps((spec, limits, thumbnail))


@lru_cache(maxsize=64)
def _unpack_options(packed: bytes) -> tuple[InputSpec, DecodeLimits, bool]:
    # A decoder trusts its worker, never the other way round.
    options: tuple[InputSpec, DecodeLimits, bool] = pickle.loads(packed)  # noqa: S301 - from the worker
    return options


def send_answer(channel: Channel, kind: Kind, content: object) -> None:
    """Sends an answer to the worker; raises `ChannelClosed` if it is gone."""
    encoded = json.dumps(content).encode()
    channel.send(_ANSWER.pack(kind, len(encoded)) + encoded)


def send_decoded(channel: Channel, decoded: Decoded) -> None:
    """Sends facts and pixels to the worker; raises `ChannelClosed` if it is gone."""
    import numpy as np  # noqa: PLC0415 - the program's start does not wait for it

    pixels = np.ascontiguousarray(decoded.pixels).data.cast("B")
    is_put = channel.put(pixels)
    send_answer(channel, Kind.DECODED, asdict(decoded.facts))
    if not is_put:
        channel.send(pixels)
    if decoded.thumbnail is not None:
        channel.send(_SIDES.pack(*decoded.thumbnail.shape[:2]))
        channel.send(np.ascontiguousarray(decoded.thumbnail).data.cast("B"))


def read_ready(channel: Channel) -> tuple[str, ...]:
    """Waits until a new decoder is up; returns what restricts it.

    Raises:
        RuntimeError: a fault of this program keeps it from starting.
        ChannelBroken: it is gone or sends something invalid.
    """
    kind, content = _read_answer(channel)
    if kind == Kind.FAULT:
        raise RuntimeError(f"a decoder does not start: {parse_untrusted(content, str)}")
    if kind != Kind.READY:
        raise ChannelBroken("an answer before the decoder is up")
    protections: tuple[str, ...] = parse_untrusted(content, tuple[str, ...])
    return protections


def read_decoded(channel: Channel, job: Job) -> Decoded:
    """Reads the answer to a job.

    Raises:
        TaskError: the picture cannot be decoded.
        NeedsMemory: it needs more memory than the job allows.
        RuntimeError: a fault of this program.
        NeedsLibraries: it is decoded with libraries of rare formats.
        ChannelBroken: the decoder is gone or sends something invalid.
    """
    import numpy as np  # noqa: PLC0415 - as above

    kind, content = _read_answer(channel)
    if kind == Kind.REFUSED:
        raise _build_error(parse_untrusted(content, tuple[str, ...]))
    if kind == Kind.NEEDS_MEMORY:
        raise _build_needs_memory(parse_untrusted(content, int), job.limits.memory_bytes)
    if kind == Kind.NEEDS_LIBRARIES:
        raise NeedsLibraries("it asks for libraries that it has")
    if kind == Kind.FAULT:
        raise RuntimeError(f"in a decoder: {parse_untrusted(content, str)}")
    if kind != Kind.DECODED:
        raise ChannelBroken("no answer to the job")
    facts = parse_untrusted(content, PictureFacts)
    try:
        check_facts(facts, job.limits)
    except ValueError as err:
        raise ChannelBroken(str(err)) from None
    pixels = np.empty((job.spec.size, job.spec.size, 3), dtype=np.uint8)
    channel.take(pixels.data.cast("B"))
    if not job.thumbnail:
        return Decoded(pixels, facts)
    height, width = _SIDES.unpack(channel.read(_SIDES.size))
    if not (1 <= height <= THUMBNAIL_SIDE and 1 <= width <= THUMBNAIL_SIDE):
        raise ChannelBroken(f"a thumbnail of {width} x {height} pixels")
    thumbnail = np.empty((height, width, 3), dtype=np.uint8)
    channel.fill(thumbnail.data.cast("B"))
    return Decoded(pixels, facts, thumbnail)


def _read_answer(channel: Channel) -> tuple[int, bytes]:
    kind, count = _ANSWER.unpack(channel.read(_ANSWER.size))
    if count > _MAX_JSON_BYTES:
        raise ChannelBroken(f"{count} bytes of JSON")
    return kind, channel.read(count)


def _build_error(fields: tuple[str, ...]) -> TaskError:
    if len(fields) != 2 or fields[0] not in _ERRORS:
        raise ChannelBroken("an error of an unknown kind")
    code, message = fields
    return _ERRORS[code](message)


def _build_needs_memory(needed_bytes: int, given_bytes: int | None) -> NeedsMemory:
    if given_bytes is None or needed_bytes <= given_bytes:
        raise ChannelBroken("the job allows the memory that is asked for")
    return NeedsMemory(needed_bytes, given_bytes)


def parse_untrusted(encoded: bytes, kind: Any) -> Any:
    """Parses JSON to a scalar, or to a tuple or a dataclass of such kinds.

    In texts, unprintable characters become blanks; after 300 characters they are cut.

    Raises:
        ChannelBroken: it is anything else.
    """
    try:
        return _convert(json.loads(encoded.decode()), kind)
    except RecursionError:
        raise ChannelBroken("nested too deeply") from None
    except ValueError as err:
        raise ChannelBroken(str(err)) from None


@cache
def _kinds_of(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _convert(value: object, kind: Any) -> Any:
    if isinstance(value, str) and kind is str:
        text = value[:_MAX_CHARACTERS]
        if text.isprintable():
            return text
        return "".join(char if char.isprintable() else " " for char in text)
    # A boolean is no number here, and an integer no float.
    if isinstance(value, int | float) and type(value) is kind and abs(value) < _NUMBER_LIMIT:
        return value
    if isinstance(value, dict) and is_dataclass(kind) and isinstance(kind, type):
        kinds = _kinds_of(kind)
        if value.keys() == kinds.keys():
            return kind(**{name: _convert(value[name], kinds[name]) for name in kinds})
    if isinstance(value, list) and get_origin(kind) is tuple and len(value) <= _MAX_ITEMS:
        return tuple(_convert(item, get_args(kind)[0]) for item in value)
    raise ValueError(f"{type(value).__name__} where {kind.__name__} is expected")
