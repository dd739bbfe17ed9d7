import os
import subprocess
import sys
from pathlib import Path

import pytest

from taskworker_classifyimage.machine import usable_cores, usable_memory_bytes


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinity is a thing of Linux")
@pytest.mark.parametrize(
    ("quota", "cores"), [("50000 100000", 1), ("100001 100000", 2), ("max 100000", None)]
)
def test_a_containers_quota_limits_the_cores(tmp_path: Path, quota: str, cores: int | None) -> None:
    """Half a core is one thread, a bit more than one is two, none is what affinity gives."""
    file = tmp_path / "cpu.max"
    file.write_text(quota, encoding="ascii")
    available = len(os.sched_getaffinity(0))
    assert usable_cores(file) == (available if cores is None else min(cores, available))


@pytest.mark.parametrize("content", ["", "nonsense", "1 2 3", "x y"])
def test_a_file_that_says_nothing_is_ignored(tmp_path: Path, content: str) -> None:
    """An unknown kernel's answer must not keep the worker from starting."""
    file = tmp_path / "cpu.max"
    file.write_text(content, encoding="ascii")
    assert usable_cores(file) == usable_cores(tmp_path / "absent")


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


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="Windows does not tell")
@pytest.mark.parametrize("content", ["max", "", "nonsense", str(2**60)])
def test_a_container_has_no_more_memory_than_its_machine(tmp_path: Path, content: str) -> None:
    """Only a number below what the machine has limits anything."""
    file = tmp_path / "memory.max"
    file.write_text(content, encoding="ascii")
    whole = usable_memory_bytes(tmp_path / "absent")
    assert whole is not None
    assert usable_memory_bytes(file) == whole
    file.write_text("1000000", encoding="ascii")
    assert usable_memory_bytes(file) == 1_000_000
