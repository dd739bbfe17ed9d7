"""Reads what a client sends, whatever it sends, into values that the store can take.

``bytes -> within the limit -> JSON -> right keys and types -> value``; each arrow that fails is
the client's mistake and ends in a 400 or a 413 with a sentence that says what to change. What does
not arrive in time is a TimeoutError.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from taskworker_classifyimage.bridge_server.intake import Hold, Intake
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.requirements import requirements_text
from taskworker_classifyimage.bridge_server.uploads import Upload, UploadTooLargeError

_TOO_LARGE_A_NUMBER: Final = "the JSON has a number that is too large"
_CHUNK_BYTES: Final = 2**18
#: Types and worker names are shown in lists and counted in statistics.
_NAME_CHARACTERS: Final = 1000
#: Enough for any count, and few enough for every client's integers.
_PROGRESS_DIGITS: Final = 9

#: What aiohttp raises for a multipart body that is cut off or makes no sense.
_BROKEN_FORM: Final = (
    AssertionError,
    HttpProcessingError,
    RuntimeError,
    ValueError,
    web.RequestPayloadError,
)


@dataclass(frozen=True, slots=True)
class TakeRequest:
    """A worker asks for a task.

    Attributes:
        type: of task.
        worker: its name, None for one that gives none.
        abilities: what the requirements of tasks are compared with.
        leased: whether it will renew a lease on the task.
    """

    type: str
    worker: str | None
    abilities: dict[str, object]
    leased: bool


async def read_add(request: web.Request, upload: Upload, intake: Intake) -> NewTask:
    """Read a form with a field `json` and perhaps a part `file`, in any order.

    Args:
        request: the call.
        upload: where the file goes while it arrives; its name becomes the task's id.
        intake: how much may arrive.
    """
    limits = intake.limits
    if request.content_type != "multipart/form-data":
        raise bad_request("send multipart/form-data with a field 'json' and perhaps a file 'file'")
    _check_length(request, limits.upload_bytes + 2 * limits.json_bytes)
    try:
        with intake.call() as hold:
            async with _patience(request, limits):
                text = await _read_parts(request, upload, limits, hold)
    except UploadTooLargeError as error:
        raise too_large(error.limit_bytes) from error
    except _BROKEN_FORM as error:
        raise bad_request("the multipart form is broken or cut off") from error
    if text is None:
        raise bad_request("the form has no field 'json'")
    return _new_task(_object(text), upload, limits)


async def read_take(request: web.Request, intake: Intake) -> TakeRequest:
    """Read ``{"type", "worker", "abilities", "lease"}``; all but the type may be missing."""
    body = await _read_object(request, intake.limits.other_bytes, intake)
    abilities = body.get("abilities")
    if abilities is not None and not isinstance(abilities, dict):
        raise bad_request("'abilities' must be an object")
    leased = body.get("lease", False)
    if not isinstance(leased, bool):
        raise bad_request("'lease' must be true or false; how long it is, the bridge says")
    worker = body.get("worker")
    return TakeRequest(
        type=_name(body.get("type"), "type"),
        worker=None if worker is None else _name(worker, "worker"),
        abilities=abilities or {},
        leased=leased,
    )


async def read_progress(request: web.Request, intake: Intake) -> int:
    """Read ``{"progress"}``: digits as a string, or a whole number."""
    value = (await _read_object(request, intake.limits.other_bytes, intake)).get("progress")
    number = _whole_number(value)
    if number is not None:
        value = str(number)
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) <= _PROGRESS_DIGITS
    ):
        return int(value)
    raise bad_request("'progress' must be a whole number, or a string of digits")


async def read_result(request: web.Request, intake: Intake) -> tuple[str | None, int | None]:
    """Read ``{"result", "attempt"}``: the result as JSON text; each None where there is none."""
    body = await _read_object(request, intake.limits.json_bytes, intake)
    result = _json_text(body["result"]) if "result" in body else None
    return result, _attempt(body) if "attempt" in body else None


async def read_renewal(request: web.Request, intake: Intake) -> int:
    """Read ``{"attempt"}``."""
    return _attempt(await _read_object(request, intake.limits.other_bytes, intake))


def bad_request(reason: str) -> web.HTTPBadRequest:
    """The error for a client that must send something else."""
    return web.HTTPBadRequest(text=reason)


def too_large(limit_bytes: int) -> web.HTTPRequestEntityTooLarge:
    """The error for a client that must send less."""
    return web.HTTPRequestEntityTooLarge(
        max_size=limit_bytes, actual_size=limit_bytes + 1, text=f"more than {limit_bytes} bytes"
    )


async def _read_parts(
    request: web.Request, upload: Upload, limits: Limits, hold: Hold
) -> bytes | None:
    text: bytes | None = None
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise bad_request("a part of the form is itself multipart")
        if part.name == "json":
            text = await _read_field(part, limits.json_bytes, hold)
        elif part.name == "file" and part.filename != "":
            await _receive(part, upload)
        elif part.filename:
            raise bad_request("the part with the file must be called 'file'")
        else:
            # A form in a browser sends its other fields, and an empty part if no file was chosen.
            await _read_field(part, limits.other_bytes, hold)
    return text


async def _receive(part: BodyPartReader, upload: Upload) -> None:
    if upload.has_begun:
        raise bad_request("a task has one file")
    upload.begin()
    while not part.at_eof():
        upload.write(await part.read_chunk(_CHUNK_BYTES))


async def _read_field(part: BodyPartReader, limit_bytes: int, hold: Hold) -> bytes:
    field = bytearray()
    while not part.at_eof():
        _append(field, await part.read_chunk(_CHUNK_BYTES), limit_bytes, hold)
    return bytes(field)


def _append(body: bytearray, chunk: bytes, limit_bytes: int, hold: Hold) -> None:
    if len(body) + len(chunk) > limit_bytes:
        raise too_large(limit_bytes)
    hold(len(chunk))
    body += chunk


def _new_task(form: dict[str, Any], upload: Upload, limits: Limits) -> NewTask:
    requirements = form.get("requirements")
    if requirements is not None and not isinstance(requirements, dict):
        raise bad_request("'requirements' must be an object")
    try:
        required = requirements_text(requirements or {})
    except ValueError as error:
        raise bad_request(_TOO_LARGE_A_NUMBER) from error
    if len(required) > limits.other_bytes:
        raise too_large(limits.other_bytes)
    return NewTask(
        id=upload.task_id,
        type=_name(form.get("type"), "type"),
        data=_json_text(form["data"]) if "data" in form else None,
        requirements=required,
        has_file=upload.has_begun,
    )


async def _read_object(request: web.Request, limit_bytes: int, intake: Intake) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise bad_request("send Content-Type: application/json")
    _check_length(request, limit_bytes)
    body = bytearray()
    try:
        with intake.call() as hold:
            async with _patience(request, intake.limits):
                async for chunk in request.content.iter_any():
                    _append(body, chunk, limit_bytes, hold)
    except (HttpProcessingError, web.RequestPayloadError) as error:
        raise bad_request("the body is broken or cut off") from error
    return _object(bytes(body))


def _patience(request: web.Request, limits: Limits) -> asyncio.Timeout:
    """Ends a call that never arrives; one that is all there, as most are, saves the alarm clock."""
    return asyncio.timeout(None if request.content.is_eof() else limits.arrival_s)


def _check_length(request: web.Request, limit_bytes: int) -> None:
    """Turn a call away that announces too much, before it is sent."""
    if (request.content_length or 0) > limit_bytes:
        raise too_large(limit_bytes)


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text.decode(), parse_constant=_refuse_constant)
    except ValueError as error:
        raise bad_request(f"not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise bad_request("the JSON must be an object")
    return value


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _json_text(value: object) -> str:
    """ASCII, so that every string a client can write comes back, half surrogate pairs too."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise bad_request(_TOO_LARGE_A_NUMBER) from error


def _attempt(body: dict[str, Any]) -> int:
    attempt = _whole_number(body.get("attempt"))
    if attempt is None or not 0 < attempt < 2**63:
        raise bad_request("'attempt' must be the number that the take answered")
    return attempt


def _whole_number(value: object) -> int | None:
    """A whole number as JSON sees it, which writes 3 as 3.0 as well; None for all else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:
        return int(value)
    return None


def _name(value: object, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise bad_request(f"'{key}' must be a string that is not empty")
    if len(value) > _NAME_CHARACTERS:
        raise bad_request(f"'{key}' has more than {_NAME_CHARACTERS} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise bad_request(f"'{key}' has half of a surrogate pair")
    return value
