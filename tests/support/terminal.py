"""Programs in a terminal of a known width."""

import os
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from support.programs import clean_environment
from support.waiting import LONG_S, wait_until

if sys.platform != "win32":
    import fcntl
    import pty
    import termios


class Screen:
    """A program that runs in a terminal, and all that it has shown there.

    Attributes:
        process: the program.
        shown: what it wrote, control sequences included.
    """

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.shown = ""
        self._terminal = terminal
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        """What it wrote, without control sequences."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown).replace("\r", "")

    def wait_for(self, pattern: str) -> None:
        """Waits until its text matches."""
        wait_until(lambda: re.search(pattern, self.text) or not self._reader.is_alive())
        assert re.search(pattern, self.text), self.text

    def wait(self) -> int:
        """Waits until it ends; gives its exit code."""
        code = self.process.wait(LONG_S)
        self._reader.join(LONG_S)
        return code

    def _read(self) -> None:
        parts = b""
        while True:
            try:
                part = os.read(self._terminal, 65536)
            except OSError:
                # How Linux says that nobody has the other end any more.
                break
            if not part:
                break
            parts += part
            self.shown = parts.decode(errors="ignore")


@contextmanager
def terminal(command: Sequence[str], columns: int, **environ: str) -> Iterator[Screen]:
    """Runs a command in a terminal that understands colours, and ends it with the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    # rich takes the width of the terminal where these say nothing.
    kept = {
        name: text for name, text in clean_environment().items() if name not in ("COLUMNS", "LINES")
    }
    with subprocess.Popen(
        command,
        env={**kept, "TERM": "xterm-256color", **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        screen = Screen(process, ours)
        try:
            yield screen
        finally:
            process.kill()
            screen.wait()
            os.close(ours)


def in_terminal(command: Sequence[str], columns: int, **environ: str) -> str:
    """What a command shows in a terminal that understands colours."""
    with terminal(command, columns, **environ) as screen:
        assert screen.wait() == 0, screen.shown
        return screen.shown
