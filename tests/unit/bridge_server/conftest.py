from collections.abc import Iterator
from pathlib import Path

import pytest

from support.in_process import BridgeOnFolder, serving
from taskworker_classifyimage.bridge_server.store import TaskStore


@pytest.fixture(scope="module")
def module_bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeOnFolder]:
    """An embedded bridge for all tests of a module."""
    with serving(tmp_path_factory.mktemp("bridge")) as served:
        yield served


@pytest.fixture
def bridge(module_bridge: BridgeOnFolder) -> Iterator[BridgeOnFolder]:
    """An embedded bridge without tasks."""
    yield module_bridge
    for task in module_bridge.listed():
        assert module_bridge.delete(f"tasks/remove/{task['id']}/").status == 200
    assert module_bridge.files() == []


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TaskStore]:
    opened = TaskStore(tmp_path / "tasks.sqlite3")
    opened.open()
    yield opened
    opened.close()
