"""Several tasks in one call: the embedded bridge can, and nobody who does not ask notices it."""

import json
import uuid

from support.contract import NOBODY, Bridge
from support.http_client import Answer


def take_several(bridge: Bridge, task_type: str, most: int, filebytes: int = 0) -> Answer:
    wanted = {"type": task_type, "worker": "w", "lease": True, "most": most}
    return bridge.post("tasks/take/", {**wanted, "filebytes": filebytes})


def read_several(answer: Answer) -> tuple[list[dict[str, object]], bytes]:
    """The tasks, and what follows them."""
    assert answer.status == 200
    length, _, rest = answer.body.partition(b"\n")
    tasks: list[dict[str, object]] = json.loads(rest[: int(length)])
    return tasks, rest[int(length) :]


def test_who_does_not_ask_for_several_gets_one_everywhere(bridge: Bridge, task_type: str) -> None:
    first, second = bridge.add({"type": task_type}), bridge.add({"type": task_type})
    assert bridge.take(task_type).json()["id"] == first
    assert bridge.take(task_type).json()["id"] == second


def test_several_tasks_are_taken_at_once_with_their_files(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("a take can get several tasks")
    with_file = bridge.add({"type": task_type, "data": {"a": 1}}, b"file")
    without, empty = bridge.add({"type": task_type}), bridge.add({"type": task_type}, b"")
    later = bridge.add({"type": task_type}, b"later")
    tasks, files = read_several(take_several(bridge, task_type, 3, 1000))
    lease = {"attempt": 1, "lease": 60}
    assert tasks == [
        {"id": with_file, "data": {"a": 1}, **lease, "file": 4},
        {"id": without, **lease},
        {"id": empty, **lease, "file": 0},
    ]
    assert files == b"file"
    # It is taken alone, in the same form, and then there are none.
    tasks, files = read_several(take_several(bridge, task_type, 3))
    assert (tasks, files) == ([{"id": later, **lease}], b"")
    assert take_several(bridge, task_type, 3).status == 404


def test_files_that_are_too_large_together_are_fetched_alone(
    bridge: Bridge, task_type: str
) -> None:
    bridge.only_embedded("a take can get files")
    ids = [bridge.add({"type": task_type}, bytes(size)) for size in (60, 50, 40)]
    tasks, files = read_several(take_several(bridge, task_type, 3, 100))
    assert [task.get("file") for task in tasks] == [60, None, 40]
    assert len(files) == 100
    assert bridge.get(f"tasks/file/{ids[1]}/").body == bytes(50)


def test_each_result_of_several_has_a_status_of_its_own(bridge: Bridge, task_type: str) -> None:
    """A task that was removed or belongs to another worker hurts no other."""
    bridge.only_embedded("it takes several results")
    done, lost, removed = (bridge.add({"type": task_type}) for _ in range(3))
    read_several(take_several(bridge, task_type, 3))
    bridge.get(f"tasks/restart/{lost}/")
    read_several(take_several(bridge, task_type, 3))
    bridge.remove(removed)
    results = [
        {"id": task_id, "result": {"of": task_id}, "attempt": 1}
        for task_id in (done, lost, removed, NOBODY)
    ]
    # Twice: the first answer may have been lost.
    for _ in range(2):
        answer = bridge.post("tasks/complete/", {"results": results})
        assert answer.json() == {"statuses": [200, 409, 404, 404]}
    assert bridge.get(f"tasks/result/{done}/").json() == {"result": {"of": done}}
    assert bridge.get(f"tasks/status/{lost}/").json() == {"status": "inprogress"}
    assert bridge.get("tasks/statistics/").json()[task_type] == 1


def test_results_come_back_as_they_were_sent(bridge: Bridge, task_type: str) -> None:
    """Half surrogate pairs are JSON too, and large numbers stay what they are."""
    bridge.only_embedded("it takes several results")
    texts = [b'{"n": 1.50, "large": 123456789012345678901234567890}', rb'"\ud83d"', b"null"]
    ids = [bridge.complete_one(task_type, None) for _ in texts]
    for text, task_id in zip(texts, ids, strict=True):
        body = b'{"results": [{"id": "%s", "result": %s}]}' % (task_id.encode(), text)
        headers = {"Content-Type": "application/json"}
        assert bridge.call("POST", "/api/tasks/complete/", body, headers).status == 200
        stored = bridge.get(f"tasks/result/{task_id}/").json()["result"]
        assert stored == json.loads(text)


def test_a_call_that_is_malformed_completes_nothing(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("it takes several results")
    task_id = bridge.add({"type": task_type})
    good = {"id": task_id, "result": 1}
    for bad in ({}, {"id": "../x", "result": 1}, {"id": task_id, "attempt": 0}):
        assert bridge.post("tasks/complete/", {"results": [good, bad]}).status == 400
    many = [{"id": str(uuid.uuid4())}] * 65
    assert bridge.post("tasks/complete/", {"results": many}).status == 400
    large = [{**good, "result": "x" * 2**20}]
    assert bridge.post("tasks/complete/", {"results": large}).status == 413
    for most in (0, 65, "2"):
        assert bridge.post("tasks/take/", {"type": task_type, "most": most}).status == 400
    assert bridge.get(f"tasks/status/{task_id}/").json() == {"status": "open"}
