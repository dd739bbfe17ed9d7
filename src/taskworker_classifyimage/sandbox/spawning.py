"""Where forking is not safe: each decoder is a new Python, up after about a quarter of a second.

Run as a program, this module is such a decoder.
"""

import io
import os
import subprocess
from functools import partial

from taskworker_classifyimage.sandbox import interpreter
from taskworker_classifyimage.sandbox.channel import Channel
from taskworker_classifyimage.sandbox.decoder import load_decode, serve
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.process import DecoderProcess, Launcher


class SpawnLauncher(Launcher):
    """For macOS and Windows; nothing has to be prepared, and nothing is left to release."""

    def __init__(self, decode: str, limits: ProcessLimits) -> None:
        self.limits = limits
        self._command = interpreter.build_command("spawning", decode, limits)

    def launch(self) -> DecoderProcess:
        """Starts a decoder, which is still loading; raises `OSError` if the system cannot."""
        process = subprocess.Popen(  # noqa: S603 - this program itself
            self._command,
            env=interpreter.build_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        reader, writer = process.stdout, process.stdin
        assert isinstance(reader, io.FileIO)  # noqa: S101 - bufsize=0 makes them unbuffered
        assert isinstance(writer, io.FileIO)  # noqa: S101
        return DecoderProcess(
            Channel(reader, writer),
            kill=process.kill,
            reap=partial(_reap, process),
            pid=process.pid,
        )


def _reap(process: subprocess.Popen[bytes]) -> int:
    process.kill()
    return process.wait()


def main() -> None:
    """Decodes until the worker is gone."""
    interpreter.ignore_stop_signals()
    decode, limits = interpreter.read_arguments()
    # Standard input and output are the channel, until `serve` gives them to what libraries print.
    channel = Channel(io.FileIO(os.dup(0)), io.FileIO(os.dup(1), "w"))
    serve(channel, load_decode(decode, rare=True), limits)


if __name__ == "__main__":
    main()
