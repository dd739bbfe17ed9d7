"""How much a client may send in one call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes; a client that sends more gets 413.

    Attributes:
        upload_bytes: the file of a task.
        json_bytes: the JSON of a new task, and of a result.
        other_bytes: every other JSON body, and the requirements of a task.
    """

    upload_bytes: int = 512 * 2**20
    json_bytes: int = 50 * 2**20
    other_bytes: int = 100 * 2**10
