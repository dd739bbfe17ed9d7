"""What the pool needs of a way to start decoder processes."""

from typing import Protocol

from taskworker_classifyimage.sandbox.channel import Channel


class DecoderProcess(Protocol):
    """One decoder process, from the worker's side."""

    @property
    def channel(self) -> Channel:
        """To talk to it; the first thing that it says is whether it is up."""

    def kill(self) -> None:
        """Ends it at once; from any thread, before `bury`."""

    def bury(self) -> int:
        """Kills it if it lives, and clears away what is left of it.

        Returns:
            Its exit code; of a process that a signal ended, minus the signal's number.
        """


class Launcher(Protocol):
    """Starts decoder processes; from several threads at once."""

    def open(self) -> None:
        """Gets ready; returns at once."""

    def launch(self) -> DecoderProcess:
        """A new process.

        Raises:
            OSError: the system has none to give.
        """

    def close(self) -> None:
        """Ends everything that it started; may be called twice."""
