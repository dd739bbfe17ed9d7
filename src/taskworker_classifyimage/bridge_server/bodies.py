"""Parses and checks what clients send.

``bytes -> within the limit -> JSON -> right keys and types -> value``; a step that fails is the
client's mistake and ends in a 400 or a 413 that says what to change. A body that does not arrive in
time is a TimeoutError.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import UNSET, Meta, UnsetType

from taskworker_classifyimage.bridge_server.limits import Limits, RequestMemory, too_large
from taskworker_classifyimage.bridge_server.records import NewTask, encode_requirements
from taskworker_classifyimage.bridge_server.uploads import Upload

_Body = TypeVar("_Body")

_CHUNK_BYTES: Final = 2**18


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
#: ASCII, so that every string a client can write comes back, half surrogate pairs too.
_ENCODER: Final = json.JSONEncoder(allow_nan=False)

#: What aiohttp raises for a multipart body that is cut off or malformed.
_BROKEN_FORM: Final = (
    AssertionError,
    HttpProcessingError,
    RuntimeError,
    ValueError,
    web.RequestPayloadError,
)

#: Types and worker names are shown in lists and counted in statistics. SQLite stores UTF-8, which
#: has no surrogates.
_Name = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\ud800-\udfff]*\Z")]
#: JSON may write 3 as 3.0; SQLite's integers have 64 bits.
_Attempt = (
    Annotated[int, Meta(ge=1, le=2**63 - 1)] | Annotated[float, Meta(ge=1, lt=2**63, multiple_of=1)]
)
#: Nine digits are enough for any count and fit the integers of every client.
_Progress = (
    Annotated[int, Meta(ge=0, lt=10**9)]
    | Annotated[float, Meta(ge=0, lt=10**9, multiple_of=1)]
    | Annotated[str, Meta(pattern=r"^[0-9]{1,9}\Z")]
)


class TakeRequest(msgspec.Struct, frozen=True):
    """A worker asks for a task.

    Attributes:
        type: of the task.
        worker: its name, None for one that gives none.
        abilities: what the requirements of tasks are compared with.
        lease: whether it will renew a lease on the task.
    """

    type: _Name
    worker: _Name | None = None
    abilities: dict[str, Any] | None = None
    lease: bool = False


class _AddRequest(msgspec.Struct, frozen=True):
    type: _Name
    data: Any = UNSET
    requirements: dict[str, Any] | None = None


class _ProgressRequest(msgspec.Struct, frozen=True):
    progress: _Progress


class _CompleteRequest(msgspec.Struct, frozen=True):
    result: Any = UNSET
    attempt: _Attempt | UnsetType = UNSET


class _RenewRequest(msgspec.Struct, frozen=True):
    attempt: _Attempt


async def read_add(request: web.Request, upload: Upload, memory: RequestMemory) -> NewTask:
    """Reads a form with a field `json` and an optional part `file`, in any order.

    Args:
        request: the call.
        upload: stores the file while it arrives; the name of its file becomes the task's id.
        memory: counts the JSON.
    """
    limits = memory.limits
    if request.content_type != "multipart/form-data":
        raise _bad_request("send multipart/form-data with a field 'json' and perhaps a file 'file'")
    _check_length(request, limits.upload_bytes + 2 * limits.json_bytes)
    try:
        with memory.hold() as count:
            async with _limit_arrival(request, limits):
                text = await _read_parts(request, upload, limits, count)
    except _BROKEN_FORM as err:
        raise _bad_request("the multipart form is broken or cut off") from err
    if text is None:
        raise _bad_request("the form has no field 'json'")
    form = _parse(text, _AddRequest)
    requirements = _encode(form.requirements or {}, encode_requirements)
    if len(requirements) > limits.other_bytes:
        raise too_large(limits.other_bytes)
    data = _encode_given(form.data)
    return NewTask(upload.task_id, form.type, data, requirements, upload.has_begun)


async def read_take(request: web.Request, memory: RequestMemory) -> TakeRequest:
    """Reads ``{"type", "worker", "abilities", "lease"}``; only the type is required."""
    return await _read(request, TakeRequest, memory, memory.limits.other_bytes)


async def read_progress(request: web.Request, memory: RequestMemory) -> int:
    """Reads ``{"progress"}``: a whole number, or a string of digits."""
    body = await _read(request, _ProgressRequest, memory, memory.limits.other_bytes)
    return int(body.progress)


async def read_result(request: web.Request, memory: RequestMemory) -> tuple[str | None, int | None]:
    """Reads ``{"result", "attempt"}``: the result as JSON text; each None if it is missing."""
    body = await _read(request, _CompleteRequest, memory, memory.limits.json_bytes)
    attempt = None if isinstance(body.attempt, UnsetType) else int(body.attempt)
    return _encode_given(body.result), attempt


async def read_renewal(request: web.Request, memory: RequestMemory) -> int:
    """Reads ``{"attempt"}``."""
    return int((await _read(request, _RenewRequest, memory, memory.limits.other_bytes)).attempt)


async def _read(
    request: web.Request, kind: type[_Body], memory: RequestMemory, limit_bytes: int
) -> _Body:
    if request.content_type != "application/json":
        raise _bad_request("send Content-Type: application/json")
    _check_length(request, limit_bytes)
    body = bytearray()
    try:
        with memory.hold() as count:
            async with _limit_arrival(request, memory.limits):
                async for chunk in request.content.iter_any():
                    _append(body, chunk, limit_bytes, count)
    except (HttpProcessingError, web.RequestPayloadError) as err:
        raise _bad_request("the body is broken or cut off") from err
    return _parse(body, kind)


async def _read_parts(
    request: web.Request, upload: Upload, limits: Limits, count: Callable[[int], None]
) -> bytearray | None:
    text: bytearray | None = None
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise _bad_request("a part of the form is itself multipart")
        if part.name == "json":
            text = await _read_field(part, limits.json_bytes, count)
        elif part.name == "file" and part.filename != "":
            await _receive(part, upload)
        elif part.filename:
            raise _bad_request("the part with the file must be called 'file'")
        else:
            # A browser's form sends its other fields, and an empty part if no file was chosen.
            await _read_field(part, limits.other_bytes, count)
    return text


async def _receive(part: BodyPartReader, upload: Upload) -> None:
    if upload.has_begun:
        raise _bad_request("a task has one file")
    upload.begin()
    while not part.at_eof():
        upload.write(await part.read_chunk(_CHUNK_BYTES))


async def _read_field(
    part: BodyPartReader, limit_bytes: int, count: Callable[[int], None]
) -> bytearray:
    field = bytearray()
    while not part.at_eof():
        _append(field, await part.read_chunk(_CHUNK_BYTES), limit_bytes, count)
    return field


def _append(body: bytearray, chunk: bytes, limit_bytes: int, count: Callable[[int], None]) -> None:
    if len(body) + len(chunk) > limit_bytes:
        raise too_large(limit_bytes)
    count(len(chunk))
    body += chunk


def _limit_arrival(request: web.Request, limits: Limits) -> asyncio.Timeout:
    """Ends a call whose body arrives too slowly; most have arrived already and need no timer."""
    return asyncio.timeout(None if request.content.is_eof() else limits.arrival_s)


def _check_length(request: web.Request, limit_bytes: int) -> None:
    """Refuses a call whose announced length is too large, before its body is sent."""
    if (request.content_length or 0) > limit_bytes:
        raise too_large(limit_bytes)


def _parse(text: bytearray, kind: type[_Body]) -> _Body:
    # Not msgspec's own parser: it refuses half surrogate pairs, which JSON may have.
    try:
        return msgspec.convert(_DECODER.decode(text.decode()), kind)
    except msgspec.ValidationError as err:
        raise _bad_request(f"wrong JSON: {err}") from err
    except ValueError as err:
        raise _bad_request(f"not valid JSON: {err}") from err


def _encode_given(value: object) -> str | None:
    return None if value is UNSET else _encode(value, _ENCODER.encode)


def _encode(value: Any, encode: Callable[[Any], str]) -> str:
    try:
        return encode(value)
    except ValueError as err:
        # Python reads 1e999 as infinity.
        raise _bad_request("the JSON has a number that is too large") from err


def _bad_request(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=reason)
