"""What a server says is not trusted: its JSON is bounded in depth, its ids stay one segment."""

import json
import re
from typing import Any, Final
from urllib.parse import quote

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, printable

#: An answer of a known release has four levels at most, and below them a client's `data`.
DEPTH_LIMIT: Final = 64
#: Clients' `data` of 1.3.0 and 3.1.0 has no more than this.
_CUT_LIMIT_BYTES: Final = 2**20
#: Known ids have 26 or 36 characters; servers take request lines of 8 KB or so.
_ID_LIMIT: Final = 2000

#: Whatever a bridge counts is less: milliseconds since the epoch for 30,000 years.
_NUMBER_LIMIT: Final = 1e15

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)


class AnswerTooLarge(BridgeUnavailable):
    """An answer is larger than any sensible one."""


def parse_json(answer: bytes, path: str) -> Any:
    """An answer's value. What is deeper than `DEPTH_LIMIT` becomes null.

    It is cut and not refused because a client may have put it into its task: the task, taken by
    now, is still to be answered.

    Args:
        answer: the body, of bounded size.
        path: of the call, for the message.

    Raises:
        BridgeUnavailable: it is no JSON.
        AnswerTooLarge: it is too deep, and too large to be cut.
    """
    try:
        try:
            value = json.loads(answer)
        except RecursionError:
            return json.loads(_cut(answer, path))
        # Most answers cannot be deep, having too few brackets.
        if answer.count(b"[") + answer.count(b"{") > DEPTH_LIMIT and _is_deep(value):
            return json.loads(_cut(answer, path))
    except ValueError:
        raise BridgeUnavailable(f"{path} did not answer with JSON") from None
    return value


def path_segment(task_id: str) -> str:
    """A task's id as one path segment; ids come from outside, dots included.

    Raises:
        BridgeRejected: no URL can have it.
    """
    try:
        segment = quote(task_id, safe="").replace(".", "%2E")
    except UnicodeEncodeError:
        segment = ""
    if not 1 <= len(segment) <= _ID_LIMIT:
        raise BridgeRejected(f"{task_id[:40]!r} cannot be the id of a task", 400)
    return segment


def objects(body: object) -> list[dict[str, Any]]:
    """The objects in a list, if it is one; of other things there, nothing."""
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


def number(value: object) -> float | None:
    """A number that can be reckoned with, None for all else: JSON has some that no float holds."""
    if isinstance(value, int | float) and abs(value) < _NUMBER_LIMIT:
        return float(value)
    return None


def status_in(body: object) -> str:
    """The status that an answer about a task tells, fit for a log; empty if it tells none."""
    return printable(str(body.get("status", "")))[:40] if isinstance(body, dict) else ""


def is_id(value: object) -> bool:
    """Whether a task's id is one that calls can be made with."""
    if not isinstance(value, str):
        return False
    try:
        path_segment(value)
    except BridgeRejected:
        return False
    return True


def _is_deep(value: object) -> bool:
    """Whether more arrays and objects are inside each other than there may be."""
    level = [value]
    for _ in range(DEPTH_LIMIT + 1):
        level = [
            inner
            for each in level
            if isinstance(each, list | dict)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _cut(answer: bytes, path: str) -> bytes:
    """The answer with null in the place of every array and object that is too deep."""
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
