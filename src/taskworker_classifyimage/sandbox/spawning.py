"""Where there is no safe fork: every decoder is a new Python, up after about a quarter of a second.

Run as a program, this module is such a decoder.
"""

import io
import os
import subprocess

from taskworker_classifyimage.sandbox import interpreter
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.decoder import load, serve
from taskworker_classifyimage.sandbox.limits import ProcessLimits


class SpawnLauncher:
    """A `Launcher` for macOS and Windows."""

    def __init__(self, decode: str, limits: ProcessLimits) -> None:
        self._command = interpreter.command("spawning", decode, limits)

    def open(self) -> None:
        """Nothing to get ready."""

    def launch(self) -> "SpawnedDecoder":
        """A new decoder, still loading; raises `OSError` if the system has no process to give."""
        return SpawnedDecoder(
            subprocess.Popen(  # noqa: S603 - this program itself
                self._command,
                env=interpreter.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        )

    def close(self) -> None:
        """Nothing is left when the decoders are buried."""


class SpawnedDecoder:
    """A decoder that is a child of the worker.

    Attributes:
        channel: to talk to it.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        reader, writer = process.stdout, process.stdin
        assert isinstance(reader, io.FileIO)  # noqa: S101 - that is what bufsize=0 gives
        assert isinstance(writer, io.FileIO)  # noqa: S101
        self.channel = Channel(reader, writer)

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def bury(self) -> int:
        """Kills it if it lives; gives its exit code."""
        self.channel.close()
        self._process.kill()
        return self._process.wait()


def main() -> None:
    """Decodes until the worker is gone."""
    interpreter.ignore_stops()
    decode, limits = interpreter.orders()
    # The standard files are the channel, until they are given to whatever decoders print.
    channel = Channel(io.FileIO(os.dup(0)), io.FileIO(os.dup(1), "w"))
    serve(channel, load(decode), limits)


if __name__ == "__main__":
    main()
