"""What the store tells those who wait for tasks, or show them."""

from collections.abc import Callable
from typing import Literal

import msgspec

from taskworker_classifyimage.bridge_server.records import NO_REQUIREMENTS


class Change(msgspec.Struct, frozen=True):
    """A change of a task that is in the database.

    Attributes:
        task_id: of the task.
        became: its new status, or "removed"; a task that has got further stays "inprogress".
        type: of the task; empty if it was removed or has got further.
        requirements: of a task that became open.
        worker: who took or completed it; None for one that gives no name.
        error: why it failed, if it was completed with an error.
    """

    task_id: str
    became: Literal["open", "inprogress", "completed", "removed"]
    type: str = ""
    requirements: str = NO_REQUIREMENTS
    worker: str | None = None
    error: str | None = None


#: Called after each change, on the event loop; raises nothing.
Listener = Callable[[Change], None]
