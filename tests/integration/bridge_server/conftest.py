from collections.abc import Iterator
from pathlib import Path

import pytest

from support.in_process import BridgeOnFolder, serving


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[BridgeOnFolder]:
    """An embedded bridge on `tmp_path`."""
    with serving(tmp_path) as served:
        yield served
