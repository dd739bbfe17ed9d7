"""Leases: the embedded bridge gives them to workers that ask; the releases ignore the key."""

from support.contract import NOBODY, Bridge


def leased(bridge: Bridge, task_type: str) -> dict[str, object]:
    wanted = {"type": task_type, "worker": "w", "abilities": {}, "lease": True}
    answer = bridge.post("tasks/take/", wanted)
    assert answer.status == 200
    taken: dict[str, object] = answer.json()
    return taken


def test_who_asks_for_a_lease_gets_the_task_everywhere(bridge: Bridge, task_type: str) -> None:
    task_id = bridge.add({"type": task_type, "data": {"a": 1}}, b"file")
    taken = leased(bridge, task_type)
    assert (taken["id"], taken["data"]) == (task_id, {"a": 1})
    assert ("lease" in taken) == ("attempt" in taken) == bridge.is_embedded
    assert bridge.take(task_type).status == 404
    result: dict[str, object] = {"result": {"predictions": []}}
    assert bridge.post(f"tasks/complete/{task_id}/", result).status == 200
    assert bridge.get(f"tasks/result/{task_id}/").json() == result


def test_who_does_not_ask_gets_none(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("it knows leases")
    task_id = bridge.add({"type": task_type})
    assert bridge.take(task_type).json() == {"id": task_id}
    assert not {"lease", "attempt"} & bridge.get(f"tasks/details/{task_id}/").json().keys()
    assert bridge.post(f"tasks/renew/{task_id}/", {"attempt": 1}).status == 409


def test_a_lease_is_renewed_by_its_holder_and_told_in_the_details(
    bridge: Bridge, task_type: str
) -> None:
    bridge.only_embedded("it knows leases")
    task_id = bridge.add({"type": task_type})
    taken = leased(bridge, task_type)
    assert (taken["lease"], taken["attempt"]) == (60, 1)
    details = bridge.get(f"tasks/details/{task_id}/").json()
    assert (details["lease"], details["attempt"]) == (60, 1)
    assert bridge.post(f"tasks/renew/{task_id}/", {"attempt": 1}).status == 200
    assert bridge.post(f"tasks/renew/{task_id}/", {"attempt": 2}).status == 409
    assert bridge.post(f"tasks/renew/{NOBODY}/", {"attempt": 1}).status == 404
    assert bridge.post(f"tasks/renew/{task_id}/", {}).status == 400


def test_a_lease_ends_with_the_work(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("it knows leases")
    done, reopened = bridge.add({"type": task_type}), bridge.add({"type": task_type})
    for _ in range(2):
        leased(bridge, task_type)
    bridge.post(f"tasks/complete/{done}/", {"result": 1, "attempt": 1})
    bridge.get(f"tasks/restart/{reopened}/")
    for task_id in (done, reopened):
        assert bridge.post(f"tasks/renew/{task_id}/", {"attempt": 1}).status == 409
        assert "lease" not in bridge.get(f"tasks/details/{task_id}/").json()


def test_who_lost_a_task_to_another_cannot_answer_it(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("it knows leases")
    task_id = bridge.add({"type": task_type})
    leased(bridge, task_type)
    bridge.get(f"tasks/restart/{task_id}/")
    assert leased(bridge, task_type)["attempt"] == 2
    late = bridge.post(f"tasks/complete/{task_id}/", {"result": "late", "attempt": 1})
    assert late.status == 409
    assert "another worker" in late.json()["error"]
    assert bridge.get(f"tasks/status/{task_id}/").json() == {"status": "inprogress"}
    present = {"result": "present", "attempt": 2}
    assert bridge.post(f"tasks/complete/{task_id}/", present).status == 200
    assert bridge.get(f"tasks/result/{task_id}/").json() == {"result": "present"}


def test_a_lease_is_asked_for_by_true_or_false(bridge: Bridge, task_type: str) -> None:
    bridge.only_embedded("it knows leases")
    answer = bridge.post("tasks/take/", {"type": task_type, "worker": "w", "lease": 60})
    assert answer.status == 400
