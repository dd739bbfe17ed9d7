"""The engine: the machines that pictures are classified on, this one or those of a Ray cluster."""

from dataclasses import dataclass
from typing import Protocol

from taskworker_classifyimage.settings.areas import ClassifySettings, Cluster
from taskworker_classifyimage.settings.classify_areas import Answers, Files, Outputs


@dataclass(frozen=True, slots=True)
class FolderTask:
    """What `classify` is to do, as the user has said it."""

    paths: tuple[str, ...]
    files: Files
    answers: Answers
    outputs: Outputs
    settings: ClassifySettings


class Engine(Protocol):
    """Where pictures are classified; there is one on this machine and one on Ray."""

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
