"""Bridges that workers are measured against: the embedded one, and any other by its command."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.api import Api
from harness.processes import Program, free_port

EMBEDDED = "embedded"


@dataclass(frozen=True)
class RunningBridge:
    """A bridge that answers.

    Attributes:
        program: its process, None for one that runs elsewhere.
    """

    name: str
    api: Api
    program: Program | None

    def cpu_s(self) -> float:
        """CPU seconds of its process so far, 0 for one that runs elsewhere."""
        return self.program.cpu_s() if self.program else 0.0


@dataclass(frozen=True)
class Bridge:
    """How to get a bridge.

    Attributes:
        command: its start command with {port} and {data} in it; "" if it runs already.
        url: where it runs, if it runs already.
    """

    name: str
    command: str = ""
    url: str = ""

    @contextmanager
    def run(self, folder: Path) -> Iterator[RunningBridge]:
        """Starts it with an empty data folder (unless it runs already) and ends it afterwards."""
        if self.url:
            yield RunningBridge(self.name, Api(self.url), None)
            return
        port, data = free_port(), folder / "bridge-data"
        command = [
            part.replace("{port}", str(port)).replace("{data}", str(data))
            for part in shlex.split(self.command)
        ]
        with Program(command, folder / "bridge.log") as program:
            api = Api(f"http://127.0.0.1:{port}/")
            try:
                api.wait_until_up()
                yield RunningBridge(self.name, api, program)
            except OSError:
                # A bridge that is gone says why in its log.
                time.sleep(0.5)
                program.check()
                raise


def embedded(python: str) -> Bridge:
    """This project's own bridge, in a process of its own."""
    module = f"{shlex.quote(python)} -m taskworker_classifyimage bridge"
    return Bridge(EMBEDDED, f"{module} --bridge-port {{port}} --bridge-data {{data}}")


def parse_bridge(text: str) -> Bridge:
    """`NAME=COMMAND {port} {data}` or `NAME=http://HOST:PORT/`."""
    name, _, rest = text.partition("=")
    if not name or not rest:
        raise ValueError(f"{text!r} is not NAME=COMMAND or NAME=URL")
    if rest.startswith("http://"):
        return Bridge(name, url=rest)
    return Bridge(name, command=rest)
