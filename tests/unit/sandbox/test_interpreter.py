"""The environment of decoders, as a Python that is started with it finds it."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from taskworker_classifyimage.sandbox.interpreter import build_environment

_LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_TAKE_AND_TELL = """
taken = bytearray(64 * 2**20)
with open("/proc/self/smaps_rollup", encoding="ascii") as file:
    print(file.read())
"""


def _has_large_pages() -> bool:
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(map(int, version.split("."))) < (2, 35):
        return False
    return _LARGE_PAGES.exists() and "[never]" not in _LARGE_PAGES.read_text(encoding="ascii")


@pytest.mark.skipif(not _has_large_pages(), reason="neither this glibc nor Linux has large pages")
def test_memory_comes_in_large_pages() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", _TAKE_AND_TELL],
        env=build_environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    match = re.search(r"AnonHugePages:\s+(\d+) kB", printed)
    assert match is not None
    assert int(match[1]) > 0
