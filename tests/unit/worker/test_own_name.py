import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from support.memory_bridge import MemoryBridge, bridge_of
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.errors import BridgeRejected
from taskworker_classifyimage.worker.own_name import wait_for_own_name

Workers = list[dict[str, Any]]


class Listing(MemoryBridge):
    """Lists workers as a function of how often it was asked."""

    def __init__(self, listed: Callable[[int], Workers]) -> None:
        super().__init__()
        self._listed = listed
        self.asked = 0

    async def workers(self) -> Workers:
        self.asked += 1
        return self._listed(self.asked - 1)


def listen(listed: Callable[[int], Workers], within_s: float = 30.0) -> int:
    """How often the bridge was asked until the name was free."""
    bridge = Listing(listed)

    async def run() -> None:
        async with asyncio.timeout(within_s):
            await wait_for_own_name(bridge_of(bridge))

    run_in_virtual_time(run())
    return bridge.asked


def entry(lastping: object, name: str = "w", task_type: str = "classifyimage") -> dict[str, Any]:
    return {"name": name, "type": task_type, "status": "idle", "lastping": lastping}


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [entry(4000)],
        [entry(10, name="v")],
        [entry(10, task_type="translate")],
        # 2.2.1 tells a text, and by one name only.
        [entry("10")],
        [{"name": "w"}],
        # No number of seconds.
        [entry(float("nan"))],
        [entry(10**400)],
    ],
)
def test_who_has_a_name_of_its_own_starts_at_once(listed: Workers) -> None:
    """Nobody is listed under it, or nobody that was heard lately, or nobody of this type."""
    assert listen(lambda _: listed) == 1


def test_a_bridge_that_refuses_the_list_keeps_nobody_waiting() -> None:
    """Not every server has one."""

    def refuse(_: int) -> Workers:
        raise BridgeRejected("no", 404)

    assert listen(refuse) == 1


@pytest.mark.parametrize("lastping", [100, -3_600_000])
def test_old_news_keep_nobody_waiting_for_long(lastping: int) -> None:
    """A list from a cache, or of a server whose clock was set back, tells of no new question."""
    assert 1 < listen(lambda _: [entry(lastping)]) < 20


def test_a_living_neighbour_is_waited_for_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """It asks again and again."""
    with pytest.raises(TimeoutError):
        listen(lambda asked: [entry(200 if asked % 2 else 100)], within_s=3600)
    assert caplog.text.count("another worker with the name 'w' asks") == 1
