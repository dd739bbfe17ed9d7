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
import multipart
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import UNSET, Meta, Raw, UnsetType

from taskworker_classifyimage.bridge_server.limits import (
    HeldJson,
    Limits,
    RequestMemory,
    too_large,
)
from taskworker_classifyimage.bridge_server.records import (
    NO_REQUIREMENTS,
    TASK_ID,
    NewTask,
    TaskResult,
    encode_requirements,
)
from taskworker_classifyimage.bridge_server.uploads import Upload
from taskworker_classifyimage.tasks import TASK_TYPE

_Body = TypeVar("_Body")

#: A task needs two parts; browsers' forms may send a few more. Their headers are short.
_MOST_PARTS: Final = 16
_MOST_HEADERS: Final = 8
_HEADER_BYTES: Final = 4096
#: Each is compared with each set of requirements; enough for a few models in every language.
_MOST_OFFERS: Final = 256
#: Tasks of one take, and results of one report.
MOST_AT_ONCE: Final = 64
#: Values of a large body with half surrogate pairs, which only Python's own parser reads.
_MOST_VALUES: Final = 100_000
_HALF_PAIR: Final = b"\\ud"


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
#: ASCII, so that every string a client can write comes back, half surrogate pairs too.
_ENCODER: Final = json.JSONEncoder(allow_nan=False)

#: What is raised for a body that is cut off, or a form that is malformed.
_BROKEN: Final = (HttpProcessingError, web.RequestPayloadError, multipart.MultipartError)

_TaskId = Annotated[str, Meta(pattern=rf"^{TASK_ID.pattern}\Z")]
#: Types and worker names are shown in lists and counted in statistics. SQLite stores UTF-8, which
#: has no surrogates.
_Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\ud800-\udfff]*\Z")]
#: JSON may write 3 as 3.0; SQLite's integers have 64 bits.
_Attempt = (
    Annotated[int, Meta(ge=1, le=2**63 - 1)] | Annotated[float, Meta(ge=1, lt=2**63, multiple_of=1)]
)
_Most = (
    Annotated[int, Meta(ge=1, le=MOST_AT_ONCE)]
    | Annotated[float, Meta(ge=1, le=MOST_AT_ONCE, multiple_of=1)]
)
_Size = Annotated[int, Meta(ge=0, le=2**53)] | Annotated[float, Meta(ge=0, le=2**53, multiple_of=1)]
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
        wait: how long it wants to wait for a task, in seconds.
        others: further abilities, one of which is enough.
        version: of the worker's program.
        most: how many tasks it takes at once; None: one, answered as the protocol has it.
        filebytes: how many bytes of their files it wants with the answer.
    """

    type: _Name
    worker: _Name | None = None
    abilities: dict[str, Any] | None = None
    lease: bool = False
    wait: Annotated[float, Meta(ge=0)] = 0.0
    others: Annotated[tuple[dict[str, Any], ...], Meta(max_length=_MOST_OFFERS)] = ()
    version: _Name | None = None
    most: _Most | None = None
    filebytes: _Size = 0


class _AddRequest(msgspec.Struct, frozen=True):
    type: _Name
    data: Any = UNSET
    requirements: dict[str, Any] | None = None


class _LargeAddRequest(msgspec.Struct, frozen=True):
    """The same, of a large body: what is not looked into stays text."""

    type: _Name
    data: Raw | UnsetType = UNSET
    requirements: Raw | UnsetType = UNSET


class _ProgressRequest(msgspec.Struct, frozen=True):
    progress: _Progress


class _CompleteRequest(msgspec.Struct, frozen=True):
    result: Any = UNSET
    attempt: _Attempt | UnsetType = UNSET


class _LargeCompleteRequest(msgspec.Struct, frozen=True):
    result: Raw | UnsetType = UNSET
    attempt: _Attempt | UnsetType = UNSET


class _OneResult(msgspec.Struct, frozen=True):
    id: _TaskId
    result: Any = UNSET
    attempt: _Attempt | UnsetType = UNSET


class _Results(msgspec.Struct, frozen=True):
    results: Annotated[list[_OneResult], Meta(max_length=MOST_AT_ONCE)]


class _OneRawResult(msgspec.Struct, frozen=True):
    """The same, of a body that has no half surrogate pairs."""

    id: _TaskId
    result: Raw | UnsetType = UNSET
    attempt: _Attempt | UnsetType = UNSET


class _RawResults(msgspec.Struct, frozen=True):
    results: Annotated[list[_OneRawResult], Meta(max_length=MOST_AT_ONCE)]


class _RenewRequest(msgspec.Struct, frozen=True):
    attempt: _Attempt


async def read_add(request: web.Request, upload: Upload, held: HeldJson) -> NewTask:
    """Reads a form with a field `json` and an optional part `file`, in any order.

    Args:
        request: the call.
        upload: stores the file while it arrives; the name of its file becomes the task's id.
        held: counts the JSON.
    """
    limits = held.limits
    if request.content_type != "multipart/form-data":
        raise _bad_request("send multipart/form-data with a field 'json' and perhaps a file 'file'")
    _check_length(request, limits.upload_bytes + 2 * limits.json_bytes)
    try:
        await let_body_come(request)
        async with _limit_arrival(request, limits):
            text = await _read_parts(request, upload, limits, held.count)
    except multipart.ParserLimitReached as err:
        raise _bad_request(
            f"the form has more than {_MOST_PARTS} parts, or a part too many or too long headers"
        ) from err
    except _BROKEN as err:
        raise _bad_request("the multipart form is broken or cut off") from err
    if text is None:
        raise _bad_request("the form has no field 'json'")
    await held.wait_for_turn()
    task_type, data, requirements = _parse_add(text, limits)
    if task_type == TASK_TYPE and len(data or "") > limits.picture_data_bytes:
        raise web.HTTPRequestEntityTooLarge(
            max_size=limits.picture_data_bytes,
            actual_size=len(data or ""),
            text=f"data has more than {limits.picture_data_bytes} bytes; the picture belongs into "
            "the part 'file'",
        )
    return NewTask(upload.task_id, task_type, data, requirements, upload.has_begun)


async def read_take(request: web.Request, memory: RequestMemory) -> TakeRequest:
    """Reads a worker's question for a task; only the type is required."""
    return await _read(request, TakeRequest, memory, memory.limits.other_bytes)


async def read_progress(request: web.Request, memory: RequestMemory) -> int:
    """Reads ``{"progress"}``: a whole number, or a string of digits."""
    body = await _read(request, _ProgressRequest, memory, memory.limits.other_bytes)
    return int(body.progress)


async def read_result(request: web.Request, held: HeldJson) -> tuple[str | None, int | None]:
    """Reads ``{"result", "attempt"}``: the result as JSON text; each None if it is missing."""
    text = await _read_text(request, held, held.limits.json_bytes)
    await held.wait_for_turn()
    body: _CompleteRequest | _LargeCompleteRequest
    if len(text) <= held.limits.other_bytes or _needs_python(text):
        body = _parse(text, _CompleteRequest)
        result = _encode_given(body.result)
    else:
        body = _parse_large(text, _LargeCompleteRequest)
        result = None if isinstance(body.result, UnsetType) else _to_text(body.result)
    return result, _read_attempt(body.attempt)


async def read_results(request: web.Request, held: HeldJson) -> list[TaskResult]:
    """Reads ``{"results": [{"id", "result", "attempt"}, ...]}``."""
    text = await _read_text(request, held, held.limits.results_bytes)
    if _needs_python(text):
        return [
            TaskResult(each.id, _encode_given(each.result), _read_attempt(each.attempt))
            for each in _parse(text, _Results).results
        ]
    return [
        TaskResult(
            each.id,
            None if isinstance(each.result, UnsetType) else _to_text(each.result),
            _read_attempt(each.attempt),
        )
        for each in _parse_large(text, _RawResults).results
    ]


async def read_renewal(request: web.Request, memory: RequestMemory) -> int:
    """Reads ``{"attempt"}``."""
    return int((await _read(request, _RenewRequest, memory, memory.limits.other_bytes)).attempt)


async def _read(
    request: web.Request, kind: type[_Body], memory: RequestMemory, limit_bytes: int
) -> _Body:
    async with memory.hold() as held:
        return _parse(await _read_text(request, held, limit_bytes), kind)


async def _read_text(request: web.Request, held: HeldJson, limit_bytes: int) -> bytearray:
    if request.content_type != "application/json":
        raise _bad_request("send Content-Type: application/json")
    _check_length(request, limit_bytes)
    body = bytearray()
    try:
        await let_body_come(request)
        async with _limit_arrival(request, held.limits):
            async for chunk in request.content.iter_any():
                _append(body, chunk, limit_bytes, held.count)
    except _BROKEN as err:
        raise _bad_request("the body is broken or cut off") from err
    return body


async def check_expectation(request: web.Request) -> None:
    """Refuses expectations that nobody can meet; `let_body_come` meets the usual one."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed


def check_encoding(request: web.Request) -> None:
    """Refuses packed bodies, which no client sends: a small one may unpack to gigabytes."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise web.HTTPUnsupportedMediaType(text="send the body without Content-Encoding")


async def let_body_come(request: web.Request) -> None:
    """Answers a client that waits with its body until the call has passed all checks."""
    if "Expect" in request.headers and request.version == HttpVersion11:
        transport = request.transport
        if transport is not None:
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _find_boundary(request: web.Request) -> str:
    content_type = request.headers.get("Content-Type", "")
    _, options = multipart.parse_options_header(content_type)  # type: ignore[no-untyped-call]
    boundary = str(options.get("boundary", ""))
    if not boundary.isascii():
        # Bytes that are not UTF-8 arrive as surrogates.
        raise _bad_request("the form's boundary must be of ASCII characters")
    return boundary


async def _read_parts(
    request: web.Request, upload: Upload, limits: Limits, count: Callable[[int], None]
) -> bytearray | None:
    """Reads the parts of a form as they arrive; returns the field `json`."""
    fields: dict[str, bytearray] = {}
    write: Callable[[bytes], None] = upload.write
    with multipart.PushMultipartParser(
        _find_boundary(request),
        max_header_size=_HEADER_BYTES,
        max_header_count=_MOST_HEADERS,
        max_segment_count=_MOST_PARTS,
    ) as parser:
        async for chunk in request.content.iter_any():
            for event in parser.parse(chunk):
                if isinstance(event, multipart.MultipartSegment):
                    write = _open_part(event, upload, fields, limits, count)
                elif event is not None:
                    write(bytes(event))
    return fields.get("json")


def _open_part(
    part: multipart.MultipartSegment,
    upload: Upload,
    fields: dict[str, bytearray],
    limits: Limits,
    count: Callable[[int], None],
) -> Callable[[bytes], None]:
    """Returns what takes the bytes of a part."""
    if part.name == "file" and part.filename != "":
        if upload.has_begun:
            raise _bad_request("a task has one file")
        upload.begin()
        return upload.write
    if part.name != "json" and part.filename:
        raise _bad_request("the part with the file must be called 'file'")
    # A browser's form sends its other fields, and an empty part if no file was chosen.
    limit_bytes = limits.json_bytes if part.name == "json" else limits.other_bytes
    field = fields[str(part.name)] = bytearray()
    return lambda chunk: _append(field, chunk, limit_bytes, count)


def _parse_add(text: bytearray, limits: Limits) -> tuple[str, str | None, str]:
    """The type, the data as JSON text, and the requirements in the form of the store."""
    if len(text) <= limits.other_bytes or _needs_python(text):
        form = _parse(text, _AddRequest)
        return form.type, _encode_given(form.data), _encode_requirements(form.requirements, limits)
    large = _parse_large(text, _LargeAddRequest)
    data = None if isinstance(large.data, UnsetType) else _to_text(large.data)
    if isinstance(large.requirements, UnsetType):
        return large.type, data, NO_REQUIREMENTS
    requirements = bytearray(large.requirements)
    if len(requirements) > limits.other_bytes:
        raise _too_large_requirements(limits)
    parsed: dict[str, Any] | None = _parse(requirements, dict[str, Any] | None)  # type: ignore[arg-type]
    return large.type, data, _encode_requirements(parsed, limits)


def _encode_requirements(requirements: dict[str, Any] | None, limits: Limits) -> str:
    encoded = _encode(requirements or {}, encode_requirements)
    most_keys = limits.requirements_keys
    if len(encoded) > limits.requirements_bytes or len(requirements or {}) > most_keys:
        raise _too_large_requirements(limits)
    return encoded


def _too_large_requirements(limits: Limits) -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(
        max_size=limits.requirements_bytes,
        actual_size=limits.requirements_bytes + 1,
        text=f"requirements have more than {limits.requirements_bytes} bytes or "
        f"{limits.requirements_keys} keys",
    )


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


def _needs_python(text: bytearray) -> bool:
    """Whether a large body has half surrogate pairs, which msgspec refuses, and few values."""
    values = text.count(b",") + text.count(b"[") + text.count(b"{")
    return values <= _MOST_VALUES and _HALF_PAIR in text.lower()


def _parse_large(text: bytearray, kind: type[_Body]) -> _Body:
    """Parses a large body without making objects of what is not looked into."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as err:
        raise _bad_request(f"wrong JSON: {err}") from err
    except (ValueError, RecursionError) as err:
        raise _bad_request(f"not valid JSON: {err}") from err


def _to_text(value: Raw) -> str:
    try:
        return bytes(value).decode()
    except ValueError as err:
        raise _bad_request(f"not valid JSON: {err}") from err


def _read_attempt(attempt: float | UnsetType) -> int | None:
    return None if isinstance(attempt, UnsetType) else int(attempt)


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
