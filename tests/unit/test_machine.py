import subprocess
import sys

import psutil
import pytest

from taskworker_classifyimage.machine import (
    free_memory_bytes,
    usable_cores,
    usable_memory_bytes,
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_process_may_open_as_many_files_as_the_system_grants() -> None:
    """Some systems begin with 256, which 200 uploads at once would exceed."""
    program = (
        "import resource\n"
        "from taskworker_classifyimage.machine import allow_many_files\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))\n"
        "allow_many_files()\n"
        "allow_many_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 1000)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout == b"True\n"


def test_no_more_memory_is_free_than_there_is() -> None:
    """Some is in use, at least this process's own, and some is left for other programs."""
    assert 0 <= free_memory_bytes() < usable_memory_bytes() <= psutil.virtual_memory().total
    assert usable_cores() >= 1
