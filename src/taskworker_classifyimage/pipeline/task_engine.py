"""What answers tasks: one model, on this machine or on others."""

from contextlib import nullcontext
from typing import Protocol

from taskworker_classifyimage.pipeline.file_room import FileRoom
from taskworker_classifyimage.pipeline.memory_budget import Waits
from taskworker_classifyimage.pipeline.result import Answer, ResultMaker
from taskworker_classifyimage.pipeline.timing import Timing


class TaskEngine(Protocol):
    """One model for an event loop."""

    @property
    def engine(self) -> ResultMaker:
        """Makes results of its answers."""

    @property
    def cache_hits(self) -> int:
        """How many pictures were answered without an inference."""

    @property
    def cache_misses(self) -> int:
        """How many pictures were not."""

    @property
    def limit_bytes(self) -> int:
        """Size of the largest file that is decoded."""

    def file_room(self, pause: Waits, waits: Waits) -> FileRoom:
        """Memory for one file, to be used as a context manager; arguments as for `FileRoom`."""

    async def hash(self, encoded: bytes) -> str:
        """SHA-256 in hexadecimal."""

    async def answer(
        self,
        encoded: bytes,
        sha256: str,
        timing: Timing,
        waits: Waits = nullcontext,
        *,
        is_alone: bool = False,
    ) -> Answer:
        """Decodes and infers.

        Args:
            encoded: the file; memory for it is held already.
            sha256: of the file, see `hash`.
            timing: takes down what it costs; its task waits.
            waits: entered while it waits for memory.
            is_alone: whether nothing else is decoded meanwhile.

        Raises:
            TaskError, UserError: see `pipeline.engine.Engine.answer`.
        """


class Watched(Protocol):
    """What can be told of those who decode."""

    @property
    def processes(self) -> int:
        """Decoder processes."""

    @property
    def pids(self) -> list[int]:
        """Those that are up on this machine."""

    @property
    def ends(self) -> dict[str, int]:
        """How many ended unexpectedly, by cause."""

    @property
    def fault(self) -> str | None:
        """Why they do not work; None: nothing is known."""
