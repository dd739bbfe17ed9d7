"""The model behind mosec: pictures are posted to /inference as they are, one process a core."""

import os
import sys
from typing import Any

from mosec import Server, Worker
from peer_engine import Engine


class Classify(Worker):
    """Decodes and infers in one stage: on the CPU a second stage only adds a copy."""

    def __init__(self) -> None:
        super().__init__()
        self._engine = Engine()

    def deserialize(self, data: bytes) -> bytes:
        """The body is the picture."""
        return data

    def forward(self, data: bytes) -> dict[str, Any]:
        """An encoded picture to its best classes."""
        return self._engine.classify(data)


def main() -> None:
    """Serves until it is ended."""
    # It reads its settings from the command line of the process.
    port = os.environ["BENCH_PORT"]
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", port, "--log-level", "warning"]
    # By default a request that waits behind large pictures is given up after 3 s.
    sys.argv += ["--timeout", "60000"]
    server = Server()
    server.append_worker(Classify, num=int(os.environ["BENCH_WORKERS"]))
    server.run()


if __name__ == "__main__":
    main()
