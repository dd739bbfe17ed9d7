import subprocess
import sys

import pytest

from support.programs import COMMAND, clean_environment
from taskworker_classifyimage.sample import SAMPLE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce it")
def test_a_small_model_loads_and_classifies_within_two_gigabytes_of_addresses() -> None:
    """As `ulimit -v 2000000` sets them: what is read is asked for by its size, not by its limit."""
    resource = pytest.importorskip("resource")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2_048_000_000, 2_048_000_000))

    ended = subprocess.run(
        [*COMMAND, "classify", "--decoder-processes", "1", str(SAMPLE)],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        preexec_fn=limit,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "n07920052" in ended.stdout
