from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.programs import RunningBridge, bridge, free_port


@pytest.fixture
def running_bridge(tmp_path: Path) -> Iterator[RunningBridge]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with bridge(tmp_path / "bridge", port):
        api = Api(url)
        api.wait_until_up()
        yield RunningBridge(api, url, port, tmp_path / "bridge")
