import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import corpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measured by /proc")

MIB = 2**20


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[int, int, int]]:
    """By name: estimate, peak and size of the file, in bytes."""
    # A child of a process with threads hangs, and libraries for RAW start some.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-m", "support.decoding_memory"]
    folder = Path(__file__).parents[2]
    ended = subprocess.run(program, env=environment, cwd=folder, capture_output=True, check=True)
    found: dict[str, tuple[int, int, int]] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize("name", corpus.names())
def test_decoding_takes_no_more_memory_than_its_estimate(
    measured: dict[str, tuple[int, int, int]], name: str
) -> None:
    """Nor far less, or pictures would be refused that fit."""
    estimate, peak, size = measured[name]
    assert peak <= estimate - size
    assert estimate - size <= 3 * peak + 16 * MIB
