import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser; skips without one, or fails where CI must have it."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not always installed
    except ImportError:
        program = None
    if program is None:
        assert os.environ.get("CI") != "true", "Chromium and Playwright have to be there"
        pytest.skip("there is no Chromium, or no Playwright")
    # Chromium would imitate a graphics card otherwise, which takes a third of its time.
    flags = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()
