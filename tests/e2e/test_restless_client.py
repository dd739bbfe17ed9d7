"""Clients that take tasks back, or want them done again, while workers are at them.

CLASSIFYIMAGE_RESTLESS_TASKS makes it larger.
"""

import contextlib
import os
import random
import urllib.error

import pytest

from support.api import Api
from support.programs import RunningBridge
from support.small_worker import small_worker
from support.waiting import wait_until
from support.working import coloured_picture

TASKS = int(os.environ.get("CLASSIFYIMAGE_RESTLESS_TASKS", "40"))


def act(api: Api, expected: dict[str, str], source: random.Random) -> None:
    """Removes a new task, or restarts it: it is open, in progress, or just completed."""
    task_id = source.choice(list(expected)[-8:])
    with contextlib.suppress(urllib.error.HTTPError):
        if source.random() < 0.4:
            api.remove(task_id)
            del expected[task_id]
        else:
            api.call("GET", f"tasks/restart/{task_id}/")


@pytest.mark.timeout(600 + TASKS)
def test_tasks_that_are_removed_or_restarted_disturb_nobody(running_bridge: RunningBridge) -> None:
    """Two workers: no error line, no wrong answer, and nothing stays in progress."""
    api, source = running_bridge.api, random.Random(4)
    expected: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        programs = [
            stack.enter_context(small_worker(running_bridge.url, f"w{number}"))
            for number in range(2)
        ]
        for program in programs:
            program.wait_for("works for")
        for _ in range(TASKS):
            right, picture = coloured_picture(source)
            expected[api.add({"numberofpredictions": 1}, picture)] = right
            if len(expected) > 5:
                act(api, expected, source)
        wait_until(lambda: api.statuses() == {"completed": len(expected)})
        for program in programs:
            assert program.stop() == 0
            assert not any(word in program.printed for word in ("ERROR", "WARNING", "Traceback"))
    for task_id, right in expected.items():
        result = api.result(task_id)
        assert "error" not in result
        assert result["predictions"][0]["class"] == right
