"""Memory for files: a download asks for it when it knows the size, before it reads the file."""

from contextlib import AbstractContextManager
from typing import Protocol


class Room(Protocol):
    """The memory for one file; what it has taken stays taken."""

    def take_now(self, size_bytes: int | None) -> bool:
        """Takes memory for a file, unless it would have to wait for it; returns whether it has it.

        `size_bytes` is None if the server does not state the size.

        Raises:
            TooLarge: there is never so much.
        """

    async def take(self, size_bytes: int | None) -> None:
        """Waits for memory and takes it."""

    def reading(self) -> AbstractContextManager[None]:
        """Around the reading of the file."""


class NoRoom(Exception):
    """There is no memory for a file now.

    Attributes:
        size_bytes: its size; None if the server does not state it.
    """

    def __init__(self, size_bytes: int | None) -> None:
        super().__init__("no memory for the file now")
        self.size_bytes = size_bytes
