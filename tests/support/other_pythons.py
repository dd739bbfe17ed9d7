"""Pythons that other programs bring: what `integrations/` has to run on."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

#: For Jython: Java compiles what runs for seconds, not for hours; halves the time.
QUICK_JAVA: Final = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def jython_program() -> str:
    """Jython 2.7, as a package of Debian."""
    found = shutil.which("jython")
    if found is None:
        assert os.environ.get("CI") != "true", "jython has to be there: .ci/run installs it"
        pytest.skip("jython is not installed")
    return found


def python39_program() -> str:
    """As IPED brings it for Windows; wherever there is one."""
    versions = Path.home() / ".pyenv" / "versions"
    for program in ("python3.9", *map(str, versions.glob("3.9.*/bin/python"))):
        command = [program, "-c", "import sys; assert sys.version_info[:2] == (3, 9)"]
        if shutil.which(program) and _succeeds(command):
            return program
    pytest.skip("there is no Python 3.9 here")


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
