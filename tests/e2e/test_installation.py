import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.programs import ROOT, Program, clean_environment, free_port

MEBIBYTE = 2**20


def checkout(folder: Path) -> Path:
    """A copy of what git has here, as a fresh clone would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = ROOT / name, folder / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)
    return folder


def size_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for a shell")
@pytest.mark.skipif(os.environ.get("CI") != "true", reason="downloads everything; CI=true runs it")
@pytest.mark.timeout(600)
def test_one_command_from_a_fresh_checkout_to_a_classified_picture(tmp_path: Path) -> None:
    """The README's first command, twice; the second start finds everything there."""
    folder = checkout(tmp_path / "checkout")
    port = str(free_port())
    flags = ["--bridge-port", port, "--bridge-data", str(tmp_path / "data")]
    for start in ("first", "second"):
        # pip has warnings of its own, which are not for this project to mend.
        with Program(
            *flags,
            command=[str(folder / "classifyimage.sh")],
            environ={"PYTHONWARNINGS": "default"},
        ) as program:
            program.wait_for("Stop with Ctrl-C.", timeout_s=500)
            assert '"class": "n07920052"' in program.printed
            assert ("Setting up" in program.printed) == (start == "first")
            assert program.stop() == 0
    assert size_bytes(folder / ".venv") <= 400 * MEBIBYTE


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for a shell")
def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    """A pyenv shim may exist and fail; the next one is taken, and the real path is shown."""
    for name, body in [("python3", "exit 127"), ("python3.14", f'exec "{sys.executable}" "$@"')]:
        shim = tmp_path / name
        shim.write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
        shim.chmod(0o755)
    found = subprocess.run(
        ["/bin/sh", "-c", f'. "{ROOT}/scripts/venv.sh"; find_python'],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert found.stdout.strip() == sys.executable
    assert found.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for a shell")
def test_no_python_at_all_is_said_with_what_to_do(tmp_path: Path) -> None:
    """One look at the message is enough to go on."""
    ended = subprocess.run(
        ["/bin/sh", "-c", f'. "{ROOT}/scripts/venv.sh"; find_python'],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert ended.returncode == 1
    assert "apt install" in ended.stderr


def test_the_wheel_has_all_that_the_program_needs(tmp_path: Path) -> None:
    """Models, labels, pages, the sample, their notices and the types travel in the wheel."""
    flags = "--quiet --no-deps --no-build-isolation --disable-pip-version-check --wheel-dir"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *flags.split(), str(tmp_path), str(ROOT)],
        env=clean_environment(PYTHONWARNINGS="default"),
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if ".dist-info/licenses/" in name]
    package = ROOT / "src" / "taskworker_classifyimage"
    needed = {
        str(path.relative_to(package.parent).as_posix())
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == needed
    assert "taskworker_classifyimage/py.typed" in packed
    assert len([name for name in licences if name.endswith("/NOTICE")]) == 5
    assert wheel.stat().st_size < 30 * MEBIBYTE
