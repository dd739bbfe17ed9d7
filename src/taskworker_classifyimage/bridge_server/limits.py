"""How much a client may send, and how long things last."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes; a client that sends more gets 413.

    Attributes:
        upload_bytes: the file of a task.
        json_bytes: the JSON of a new task, and of a result.
        other_bytes: every other JSON body, and the requirements of a task.
        held_bytes: JSON of all calls that is in memory while the rest of the call arrives, what is
            no more than `other_bytes` a call not counted; who sends more then gets 503.
        free_bytes: what files leave free on the disk, so that results can still be written.
        arrival_s: how long a client may take to send one call.
        lease_s: how long a worker that asks for leases keeps a task without renewing it.
        keep_s: how long completed tasks and their files are kept; None: until they are removed.
    """

    upload_bytes: int = 512 * 2**20
    json_bytes: int = 50 * 2**20
    other_bytes: int = 100 * 2**10
    held_bytes: int = 256 * 2**20
    free_bytes: int = 256 * 2**20
    arrival_s: float = 3600.0
    lease_s: float = 60.0
    keep_s: float | None = None
