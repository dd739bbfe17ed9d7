"""The model behind LitServe: pictures are posted to /predict as a form, one process a core."""

import os
from typing import Any

import litserve
from fastapi import Request
from peer_engine import Engine


class Classify(litserve.LitAPI):
    """Decodes and infers in the worker processes."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the framework's signature
        """Loads the model, once a process."""
        self._engine = Engine()

    def decode_request(self, request: Request) -> bytes:
        """The file of the form."""
        content: bytes = request["file"].file.read()
        return content

    def predict(self, encoded: bytes) -> dict[str, Any]:
        """An encoded picture to its best classes."""
        return self._engine.classify(encoded)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """As it is."""
        return output


def main() -> None:
    """Serves until it is ended."""
    server = litserve.LitServer(
        Classify(),
        accelerator="cpu",
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
        timeout=120,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        # More of them, or its fast queue, change nothing on two cores.
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
