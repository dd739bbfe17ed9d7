from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.programs import RunningBridge, bridge, free_port


@pytest.fixture
def running_bridge(tmp_path: Path) -> Iterator[RunningBridge]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with bridge(tmp_path / "bridge", port) as program:
        program.wait_for("Stop with")
        yield RunningBridge(Api(url), url, port, tmp_path / "bridge")
