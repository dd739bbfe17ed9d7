"""Lists, details and statistics: what is shown of tasks and workers."""

from support.contract import V2, V3, Bridge

#: Seconds since the epoch are far below it.
MILLISECONDS_OF_2001 = 1_000_000_000_000


def test_the_list_shows_what_is_known_of_a_task(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type, "data": {"secret": 1}}, b"file")
    listed = bridge.listed(task_id)
    assert listed is not None
    assert (listed["type"], listed["status"]) == (task_type, "open")
    assert isinstance(listed["file"], str)
    assert listed["createdat"] > MILLISECONDS_OF_2001
    assert not {"data", "result", "worker", "startedat", "completedat"} & listed.keys()
    bridge.take(task_type, "list-worker")
    bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
    listed = bridge.listed(task_id)
    assert listed is not None
    assert (listed["status"], listed["worker"]) == ("completed", "list-worker")
    assert listed["createdat"] <= listed["completedat"]
    if bridge.release != V2:
        assert listed["createdat"] <= listed["startedat"] <= listed["completedat"]


def test_the_list_of_what_is_in_progress_has_nothing_else(bridge: Bridge, task_type: str) -> None:
    """The releases ignore the query and list all tasks."""
    done = bridge.complete_one(task_type, {})
    begun, waiting = bridge.add({"type": task_type}), bridge.add({"type": task_type})
    bridge.take(task_type)
    listed = bridge.get("tasks/list/?status=inprogress").json()
    ours = [task["id"] for task in listed if task["type"] == task_type]
    assert ours == ([begun] if bridge.is_embedded else [done, begun, waiting])


def test_the_list_leaves_out_what_has_no_value(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type})
    listed = bridge.listed(task_id)
    assert listed is not None
    always = {"id", "type", "status", "createdat"}
    extra = {V2: {"file"}, V3: {"progress"}}.get(bridge.release, set())
    assert listed.keys() == always | extra


def test_the_list_is_in_the_order_of_adding(bridge: Bridge, task_type: str) -> None:
    added = [bridge.add({"type": task_type}) for _ in range(3)]
    ours = [t["id"] for t in bridge.get("tasks/list/").json() if t["type"] == task_type]
    assert ours == added


def test_details_show_the_whole_task(bridge: Bridge, task_type: str) -> None:
    form = {"type": task_type, "data": {"a": 1}, "requirements": {"b": [2, True]}}
    details = bridge.get(f"tasks/details/{bridge.add(form, b'x')}/").json()
    assert {key: details[key] for key in form} == form
    assert details["status"] == "open"
    assert isinstance(details["file"], str)


def test_completed_tasks_are_counted(bridge: Bridge, task_type: str) -> None:
    worker = f"{task_type}-worker"
    for _ in range(2):
        task_id = bridge.add({"type": task_type})
        bridge.take(task_type, worker)
        bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
        bridge.remove(task_id)
    assert bridge.get("tasks/statistics/").json()[task_type] == 2
    workers = bridge.get("tasks/workerstatistics/").json()
    assert workers.get(worker) == (None if bridge.release == V3 else {task_type: 2})


def test_every_completion_counts(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.complete_one(task_type, {})
    bridge.post(f"tasks/complete/{task_id}/", {"result": {}})
    assert bridge.get("tasks/statistics/").json()[task_type] == 2


def test_a_worker_is_listed_from_its_first_take(bridge: Bridge, task_type: str) -> None:
    worker = f"{task_type}-worker"

    def listed() -> dict[str, object]:
        answer = bridge.get("workers/list/")
        assert answer.status == 200
        [entry] = [w for w in answer.json() if w["name"] == worker]
        return dict(entry)

    bridge.take(task_type, worker)
    idle = listed()
    assert idle["type"] == task_type
    task_id = bridge.add({"type": task_type})
    bridge.take(task_type, worker)
    working = listed()
    if bridge.release == V2:
        assert isinstance(working["lastping"], str)
        return
    assert (idle["status"], working["status"]) == ("idle", "working")
    assert "taskid" not in idle
    assert working["taskid"] == task_id
    assert isinstance(working["lastping"], int)
    assert working["lastping"] >= 0
