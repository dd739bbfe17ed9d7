import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from taskworker_classifyimage.sandbox import interpreter
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits

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


def test_arguments_arrive_as_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new process reads them from its command line."""
    limits = ProcessLimits(0.1, 2**31)
    command = interpreter.build_command("spawning", "module:name", limits)
    assert command[:4] == [
        *(sys.executable, "-P", "-m", "taskworker_classifyimage.sandbox.spawning")
    ]
    monkeypatch.setattr(sys, "argv", ["program", *command[4:]])
    assert interpreter.read_arguments() == ("module:name", limits)


def test_only_what_python_needs_reaches_the_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locale, folders and the import path; no other variable, since each may hold a secret."""
    for name in ("taskbridgeurl", "BridgeToken", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PLAIN"):
        monkeypatch.setenv(name, "secret")
    for name in ("LC_ALL", "TMPDIR", "SystemRoot"):
        monkeypatch.setenv(name, "kept")
    environ = interpreter.build_environment()
    assert "secret" not in environ.values()
    # Windows has no small letters in names.
    named = {name.upper(): text for name, text in environ.items()}
    assert [named[name] for name in ("LC_ALL", "TMPDIR", "SYSTEMROOT")] == ["kept"] * 3
    assert set(filter(None, sys.path)) <= set(environ["PYTHONPATH"].split(os.pathsep))


@pytest.mark.skipif(not _has_large_pages(), reason="neither this glibc nor Linux has large pages")
def test_memory_comes_in_large_pages() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", _TAKE_AND_TELL],
        env=interpreter.build_environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    match = re.search(r"AnonHugePages:\s+(\d+) kB", printed)
    assert match is not None
    assert int(match[1]) > 0
