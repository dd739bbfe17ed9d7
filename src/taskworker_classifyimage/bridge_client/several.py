"""Several tasks in one answer, and several results in one call, as the embedded bridge has them.

A take of several is answered with: the length of the JSON and a newline; JSON, an array of tasks;
the files of those tasks that have `file`, its size in bytes. A bridge that knows nothing of this
answers with one task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskworker_classifyimage.bridge_client.answers import is_id, parse_json
from taskworker_classifyimage.errors import BridgeUnavailable

#: Digits of the length of the JSON.
_LENGTH_DIGITS: Final = 9
_TAKE: Final = "tasks/take/"


@dataclass(frozen=True, slots=True)
class Taken:
    """A task as a take gives it.

    Attributes:
        id: of the task.
        data: the JSON that its client put into it.
        file: the bytes of its file, if they came with it.
        answer: the whole JSON.
    """

    id: str
    data: object
    file: bytes | None
    answer: Mapping[str, Any]


def parse_taken(answer: bytes, most: int) -> list[Taken]:
    """Reads the answer to a take.

    Args:
        answer: the body, of bounded size.
        most: how many tasks were asked for.

    Raises:
        BridgeUnavailable: it is anything else.
    """
    if not answer[:1].isdigit():
        return [_parse_task(parse_json(answer, _TAKE), None)]
    end = answer.find(b"\n", 0, _LENGTH_DIGITS + 1)
    if end < 0 or not answer[:end].isdigit():
        raise BridgeUnavailable(f"{_TAKE} did not answer with tasks")
    place = end + 1 + int(answer[:end])
    listed = parse_json(answer[end + 1 : place], _TAKE)
    if not isinstance(listed, list) or not 1 <= len(listed) <= most:
        raise BridgeUnavailable(f"{_TAKE} did not answer with the tasks that were asked for")
    taken = []
    for each in listed:
        size = each.get("file") if isinstance(each, dict) else None
        if isinstance(size, int) and 0 <= size <= len(answer) - place:
            taken.append(_parse_task(each, answer[place : place + size]))
            place += size
        else:
            taken.append(_parse_task(each, None))
    if place != len(answer):
        raise BridgeUnavailable(f"{_TAKE} answered with files of other sizes than it says")
    return taken


def parse_statuses(answer: bytes, count: int) -> list[int]:
    """Reads the answer to a report of several results: the status of each.

    Raises:
        BridgeUnavailable: it is anything else.
    """
    body = parse_json(answer, "tasks/complete/")
    statuses = body.get("statuses") if isinstance(body, dict) else None
    if (
        not isinstance(statuses, list)
        or len(statuses) != count
        or not all(isinstance(each, int) for each in statuses)
    ):
        raise BridgeUnavailable("tasks/complete/ did not answer with a status for each result")
    return statuses


def join_results(results: Sequence[bytes]) -> bytes:
    """The body of a report of results that are JSON already."""
    return b'{"results": [%s]}' % b", ".join(results)


def _parse_task(body: Any, file: bytes | None) -> Taken:
    task_id = body.get("id") if isinstance(body, dict) else None
    if not isinstance(task_id, str) or not is_id(task_id):
        raise BridgeUnavailable(f"{_TAKE} answered without a task's id")
    return Taken(task_id, body.get("data"), file, body)
