import asyncio
from typing import Any

import pytest

from support.clock import Clock
from support.memory_bridge import MemoryBridge, bridge_of
from taskworker_classifyimage.errors import BridgeRejected
from taskworker_classifyimage.worker.recovery import Recovery

OURS = {"type": "classifyimage", "status": "inprogress", "worker": "w"}


class Bridge(MemoryBridge):
    """Has a list, or refuses to show it; each look takes some time."""

    def __init__(self, clock: Clock, *listed: dict[str, Any]) -> None:
        super().__init__()
        self.listed: list[dict[str, Any]] | None = list(listed)
        self.look_s = 0.0
        self._clock = clock

    async def tasks(self) -> list[dict[str, Any]]:
        self._clock.now_s += self.look_s
        if self.listed is None:
            raise BridgeRejected("no", 405)
        return self.listed


def recovery(clock: Clock, bridge: Bridge) -> Recovery:
    return Recovery(bridge_of(bridge), clock=clock)


def look(recovery: Recovery, *in_hand: str) -> list[str] | None:
    return asyncio.run(recovery.look(set(in_hand)))


def due(recovery: Recovery) -> bool:
    return recovery.is_due


def test_only_what_is_ours_and_not_in_hand_is_found() -> None:
    """Neither a neighbour's tasks, nor other types, nor what somebody reopened or completed."""
    clock = Clock()
    bridge = Bridge(
        clock,
        {"id": "a", **OURS},
        {"id": "b", **OURS, "worker": "other"},
        {"id": "c", **OURS, "type": "translate"},
        {"id": "d", **OURS, "status": "open"},
        {"id": "e", **OURS, "status": "completed"},
        {"id": "f", **OURS},
        {"id": 7, **OURS},
        {**OURS},
        {"id": "g", **OURS},
    )
    assert look(recovery(clock, bridge), "f") == ["a", "g"]


def test_a_start_is_a_reason_to_look_and_one_look_is_enough() -> None:
    """The list may be long."""
    clock = Clock()
    found = recovery(clock, Bridge(clock))
    assert due(found)
    look(found)
    clock.now_s += 86_400
    assert not due(found)


def test_a_lost_take_is_looked_for_at_once_and_once_more() -> None:
    """A bridge that hangs may get to the question after we have looked."""
    clock = Clock()
    found = recovery(clock, Bridge(clock))
    look(found)
    clock.now_s += 10
    found.note_lost_take()
    assert due(found)
    look(found)
    assert not due(found)
    clock.now_s += 60
    assert due(found)
    look(found)
    clock.now_s += 86_400
    assert not due(found)


def test_looks_keep_their_distance() -> None:
    """The longer the list takes, the more seldom it is asked for."""
    clock = Clock()
    bridge = Bridge(clock)
    found = recovery(clock, bridge)
    bridge.look_s = 20
    look(found)
    found.note_lost_take()
    clock.now_s += 599
    assert found.is_wanted
    assert not due(found)
    clock.now_s += 1
    assert due(found)


def test_a_task_that_was_left_is_tried_again_later() -> None:
    """Ten minutes, or earlier if there is another reason."""
    clock = Clock()
    found = recovery(clock, Bridge(clock))
    look(found)
    found.note_left()
    clock.now_s += 599
    assert not due(found)
    clock.now_s += 1
    assert due(found)


def test_a_bridge_that_shows_no_list_is_asked_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is known then, which is not the same as nothing there: it may be about to start."""
    clock = Clock()
    bridge = Bridge(clock)
    bridge.listed = None
    found = recovery(clock, bridge)
    assert look(found) is None
    assert not due(found)
    assert "is this a TaskBridge?" in caplog.text
    clock.now_s += 60
    assert due(found)
    bridge.listed = [{"id": "a", **OURS}]
    assert look(found) == ["a"]
    clock.now_s += 86_400
    assert not due(found)
