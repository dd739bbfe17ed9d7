"""Programs in a terminal of a known width."""

import os
import struct
import subprocess
import sys
from collections.abc import Sequence

from support.programs import clean_environment

if sys.platform != "win32":
    import fcntl
    import pty
    import termios


def in_terminal(command: Sequence[str], columns: int, **environ: str) -> str:
    """What a command shows in a terminal that understands colours."""
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
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                # How Linux says that nobody has the other end any more.
                break
            if not part:
                break
            shown += part
        os.close(ours)
        assert process.wait(60) == 0, shown.decode()
    return shown.decode()
