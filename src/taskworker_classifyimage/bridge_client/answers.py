"""Reading a bridge's answers without trust: bounded JSON, ids that fit one path segment."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, printable

#: The states of a task, as bridges name them, and one that only this client uses.
IN_PROGRESS, COMPLETED, REMOVED = "inprogress", "completed", "removed"

#: Known releases answer with at most four levels, plus those of a client's `data`.
DEPTH_LIMIT: Final = 64
#: 1.3.0 and 3.1.0 accept no larger `data`.
_CUT_LIMIT_BYTES: Final = 2**20
#: Known ids have 26 or 36 characters; servers take request lines of 8 KB or so.
_ID_LIMIT: Final = 2000

#: Above anything that a bridge counts: milliseconds since the epoch for 30,000 years.
_NUMBER_LIMIT: Final = 1e15

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)


class AnswerTooLarge(BridgeUnavailable):
    """An answer is larger than it may be."""


def parse_json(answer: bytes, path: str) -> Any:
    """The value of an answer; arrays and objects deeper than `DEPTH_LIMIT` become null.

    A deep answer is cut instead of refused: a client may have put the depth into its task, which is
    taken by now and still needs an answer.

    Args:
        answer: the body, of bounded size.
        path: the path of the call, for the message.

    Raises:
        BridgeUnavailable: the answer is not JSON.
        AnswerTooLarge: it is too deep, and too large to be cut.
    """
    try:
        try:
            value = json.loads(answer)
        except RecursionError:
            return json.loads(_cut(answer, path))
        # Most answers have too few brackets to be deep.
        if answer.count(b"[") + answer.count(b"{") > DEPTH_LIMIT and _is_deep(value):
            return json.loads(_cut(answer, path))
    except ValueError:
        raise BridgeUnavailable(f"{path} did not answer with JSON") from None
    return value


def path_segment(task_id: str) -> str:
    """A task's id as one path segment; ids come from outside and may contain dots.

    Raises:
        BridgeRejected: no URL can contain it.
    """
    try:
        segment = quote(task_id, safe="").replace(".", "%2E")
    except UnicodeEncodeError:
        segment = ""
    if not 1 <= len(segment) <= _ID_LIMIT:
        raise BridgeRejected(f"{task_id[:40]!r} cannot be the id of a task", 400)
    return segment


def objects(body: object) -> list[dict[str, Any]]:
    """The objects in a list; other items, and anything that is not a list, are left out."""
    return [item for item in body if isinstance(item, dict)] if isinstance(body, list) else []


def finite_number(value: object) -> float | None:
    """A finite number small enough for float arithmetic, or None."""
    if isinstance(value, int | float) and abs(value) < _NUMBER_LIMIT:
        return float(value)
    return None


def status_in(body: object) -> str:
    """The status in an answer about a task, fit for a log; empty if there is none."""
    return printable(str(body.get("status", "")))[:40] if isinstance(body, dict) else ""


def standing_in(details: Mapping[str, Any], worker: str) -> str:
    """The status in a task's details; "with another worker" if another worker works on it."""
    status = status_in(details)
    if status == IN_PROGRESS and details.get("worker", worker) != worker:
        return "with another worker"
    return status


def is_id(value: object) -> bool:
    """Whether calls can be made with this as a task's id."""
    if not isinstance(value, str):
        return False
    try:
        path_segment(value)
    except BridgeRejected:
        return False
    return True


def _is_deep(value: object) -> bool:
    """Whether arrays and objects are nested deeper than `DEPTH_LIMIT`."""
    level = [value]
    for _ in range(DEPTH_LIMIT + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _cut(answer: bytes, path: str) -> bytes:
    """The answer with null in place of every array and object that is too deep."""
    if len(answer) > _CUT_LIMIT_BYTES:
        raise AnswerTooLarge(f"{path} answered with more than {DEPTH_LIMIT} levels of JSON")
    kept, depth, start = bytearray(), 0, 0
    for token in _STRING_OR_BRACKET.finditer(answer):
        if token[0] in b"[{":
            depth += 1
            if depth == DEPTH_LIMIT + 1:
                kept += answer[start : token.start()] + b"null"
        elif token[0] in b"]}":
            if depth == DEPTH_LIMIT + 1:
                start = token.end()
            depth -= 1
    return bytes(kept + answer[start:]) if depth <= DEPTH_LIMIT else b""
