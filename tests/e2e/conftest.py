from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.in_process import serving
from support.programs import RunningBridge
from support.same_process import RunHere, runner


@pytest.fixture
def running_bridge(tmp_path: Path) -> Iterator[RunningBridge]:
    """In this process, as that starts at once; tests of the bridge as a program start their own."""
    with serving(tmp_path / "bridge") as served:
        yield RunningBridge(Api(served.url), f"{served.url}/", served.folder)


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunHere:
    """Runs commands in this process; tests of the command as a program start their own."""
    return runner(monkeypatch, capsys)
