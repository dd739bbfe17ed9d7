"""The memory of one task's file: taken when its size is known, held until there is an answer."""

from contextlib import AbstractContextManager
from typing import Self

from taskworker_classifyimage.pipeline.memory_budget import Hold, MemoryBudget, Waits


class FileRoom:
    """Takes memory from the budget; leaving it as a context gives it back."""

    def __init__(self, budget: MemoryBudget, pause: Waits, waits: Waits) -> None:
        """Takes nothing yet.

        Args:
            budget: where the memory comes from.
            pause: entered while the file arrives.
            waits: entered while it waits for memory.
        """
        self._budget = budget
        self._pause = pause
        self._waits = waits
        self._hold: Hold | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take_now(self, size_bytes: int | None) -> bool:
        """Takes memory for a file of a size, unless it would have to wait for it.

        Raises:
            TooLarge: there is never so much.
        """
        if self._holds(size_bytes):
            return True
        self.release()
        self._hold = self._budget.try_file(size_bytes)
        return self._hold is not None

    async def take(self, size_bytes: int | None) -> None:
        """Waits for memory for a file of a size."""
        if not self._holds(size_bytes):
            self.release()
            with self._waits():
                self._hold = await self._budget.acquire_file(size_bytes)

    def reading(self) -> AbstractContextManager[None]:
        """Around the reading of the file; how long that may take is the network's business."""
        return self._pause()

    def _holds(self, size_bytes: int | None) -> bool:
        """Whether it has so much, from an earlier try to download the file."""
        wanted_bytes = self._budget.largest_file_bytes if size_bytes is None else size_bytes
        return self._hold is not None and self._hold.size_bytes >= wanted_bytes

    def release(self) -> None:
        """Gives the memory back; may be called twice."""
        if self._hold is not None:
            self._hold.release()
            self._hold = None
