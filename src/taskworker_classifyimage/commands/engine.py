"""The engine: the machines that pictures are classified on, this one or those of a Ray cluster."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from taskworker_classifyimage.settings.areas import ClassifySettings, Cluster, WorkSettings
from taskworker_classifyimage.settings.classify_areas import Answers, Files, Outputs

if TYPE_CHECKING:
    from taskworker_classifyimage.classify.base import Loaded
    from taskworker_classifyimage.pipeline.task_engine import TaskEngine, Watched


@dataclass(frozen=True, slots=True)
class FolderTask:
    """What `classify` is to do, as the user has said it."""

    paths: tuple[str, ...]
    files: Files
    answers: Answers
    outputs: Outputs
    settings: ClassifySettings


class Models(Protocol):
    """Models that are loaded and answer tasks."""

    @property
    def loaded(self) -> "Sequence[Loaded]":
        """What they are, the default first."""

    @property
    def threads(self) -> int:
        """How many tasks at once keep all that computes busy."""

    @property
    def decoders(self) -> "Watched":
        """What can be told of the decoders."""

    def improve(self, has_begun: Callable[[], bool]) -> Iterator[Coroutine[None, None, None]]:
        """What is to run beside the work, for the next start.

        `has_begun` tells whether the first task is done.
        """

    async def start(self) -> "Sequence[TaskEngine]":
        """An engine for each model, to be used on this event loop.

        Raises:
            UserError: no task can be done.
        """

    def close(self) -> None:
        """Ends what still computes: its tasks were handed back."""


class Engine(Protocol):
    """Where pictures are classified; there is one on this machine and one on Ray."""

    def open_models(self, settings: WorkSettings) -> AbstractContextManager[Models]:
        """Loads models for tasks; ends all that belongs to them with the block.

        Raises:
            UserError: there is no such model, or it cannot be loaded.
        """

    def classify(self, task: FolderTask) -> int:
        """Classifies files and writes the outputs; returns the exit code.

        Raises:
            UserError: no picture can be classified, or the outputs cannot be written.
        """


def choose_engine(cluster: Cluster) -> Engine:
    """The engine that the user has named."""
    if cluster.engine == "ray":
        from taskworker_classifyimage.commands.ray_engine import RayEngine  # noqa: PLC0415 - not for all

        return RayEngine(cluster)
    cluster.refuse_fixed()
    from taskworker_classifyimage.commands.local_engine import ThisMachine  # noqa: PLC0415 - not for all

    return ThisMachine()
