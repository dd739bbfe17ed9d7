"""The bundle for machines without internet, on a machine that has none."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.photos import ESPRESSO
from support.programs import NOT_COMPILED, ROOT, clean_environment

VERIFY = ROOT / "tools" / "bundle" / "verify.py"


def verify(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(folder / "verify.py")]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of two files, one in a folder."""
    (tmp_path / "wheels").mkdir()
    shutil.copy(VERIFY, tmp_path)
    (tmp_path / "wheels" / "a.whl").write_bytes(b"a wheel")
    listed = subprocess.run(
        [sys.executable, "-c", LIST], cwd=tmp_path, capture_output=True, check=True
    )
    (tmp_path / "SHA256SUMS").write_bytes(listed.stdout)
    return tmp_path


#: What `sha256sum verify.py wheels/a.whl` prints.
LIST = """
import hashlib
for name in ("verify.py", "wheels/a.whl"):
    print(hashlib.sha256(open(name, "rb").read()).hexdigest(), name, sep="  ")
"""


def test_an_unchanged_bundle_is_told_with_the_checksum_of_its_list(folder: Path) -> None:
    """What the start script makes does not belong to it, and does no harm."""
    (folder / ".venv").mkdir()
    (folder / ".venv" / "python").write_bytes(b"")
    ended = verify(folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("All 2 files are as they were made. SHA256SUMS: ")


def test_every_change_is_told(folder: Path) -> None:
    """A file that was changed, one that is gone, and one that somebody has added."""
    (folder / "wheels" / "a.whl").write_bytes(b"another wheel")
    (folder / "wheels" / "b.whl").write_bytes(b"")
    ended = verify(folder)
    assert ended.returncode == 1
    assert "wheels/a.whl: is not the one of the bundle" in ended.stderr
    assert "wheels/b.whl: does not belong to it" in ended.stderr
    (folder / "wheels" / "a.whl").unlink()
    assert "wheels/a.whl: is missing" in verify(folder).stderr


@pytest.mark.large
@pytest.mark.skipif(sys.platform != "linux", reason="needs a network namespace")
@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="has no bundle")
def test_a_machine_without_a_network_classifies_a_picture(tmp_path: Path) -> None:
    """One command makes the bundle; unzipped, its start script needs nothing else."""
    without_network = ["unshare", "--net"]
    tried = subprocess.run([*without_network, "true"], capture_output=True, check=False)
    if tried.returncode and os.environ.get("CI") != "true":
        pytest.skip("no network namespace can be made here")
    platform = "linux-x86_64" if os.uname().machine == "x86_64" else "linux-arm64"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    build = [sys.executable, "tools/build_bundle.py", str(tmp_path)]
    # pip itself warns, which this project cannot fix.
    more = {"PYTHON": sys.executable, "PYTHONWARNINGS": "default", **NOT_COMPILED}
    environment = clean_environment(**more)
    subprocess.run(
        [*build, "--platform", platform, "--python", python], cwd=ROOT, env=environment, check=True
    )
    [bundle] = tmp_path.glob("*.zip")
    zipfile.ZipFile(bundle).extractall(tmp_path)
    folder = bundle.with_suffix("")
    command = [*without_network, "sh", str(folder / "classifyimage.sh"), "--version"]
    subprocess.run(command, env=environment, check=True)
    picture = tmp_path / "espresso.jpg"
    picture.write_bytes(ESPRESSO)
    program = str(folder / ".venv" / "bin" / "taskworker-classifyimage")
    classified = subprocess.run(
        [*without_network, program, "classify", str(picture)],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert b"n07920052" in classified.stdout
    assert verify(folder).returncode == 0
