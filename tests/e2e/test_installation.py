import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.programs import NOT_COMPILED, ROOT, Program, clean_environment, free_port
from taskworker_classifyimage import __version__

MEBIBYTE = 2**20
#: The text of the release, which is not one of its files.
NOTES = "release-notes.md"


def files_of_checkout() -> list[str]:
    """The files that git has here, or would have with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def checkout(folder: Path) -> Path:
    """A copy of what git has here, as a fresh clone would be."""
    for name in files_of_checkout():
        source, copy = ROOT / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
        copy.chmod(source.stat().st_mode)
    return folder


def size_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for a shell")
@pytest.mark.skipif(os.environ.get("CI") != "true", reason="downloads everything; CI=true runs it")
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is a source distribution")
@pytest.mark.timeout(600)
def test_one_command_from_a_fresh_checkout_to_a_classified_picture(tmp_path: Path) -> None:
    """The README's first command, twice; the second start finds everything there."""
    folder = checkout(tmp_path / "checkout")
    port = str(free_port())
    flags = ["--bridge-port", port, "--bridge-data", str(tmp_path / "data")]
    for start in ("first", "second"):
        # pip itself warns, which this project cannot fix.
        with Program(
            *flags,
            command=[str(folder / "classifyimage.sh")],
            environ={"PYTHONWARNINGS": "default", **NOT_COMPILED},
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


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all files of a release, built from this checkout."""
    folder = tmp_path_factory.mktemp("release")
    subprocess.run(
        [sys.executable, str(ROOT / "tools" / "build_release.py"), str(folder)],
        env=clean_environment(SOURCE_DATE_EPOCH="1700000000"),
        check=True,
    )
    return folder


def test_the_wheel_has_all_that_the_program_needs(release: Path) -> None:
    """Models, labels, pages, the sample, their notices and the types travel in the wheel."""
    (wheel,) = release.glob("*.whl")
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


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is a source distribution")
def test_the_source_distribution_has_all_of_the_checkout(release: Path) -> None:
    """Source, tests, documents and scripts, so that its tests run without the repository."""
    (sdist,) = release.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert packed == {*files_of_checkout(), "PKG-INFO"}


def test_the_sbom_lists_every_package_that_is_installed(release: Path) -> None:
    """Each with the version of the lock, and nothing that only the installation needs."""
    # Importing it takes seconds, which every process of the suite would spend.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    (path,) = release.glob("*.cdx.json")
    text = path.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    sbom = json.loads(text)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    listed = {(each["name"], each["version"]) for each in sbom["components"]}
    assert {name for name, _ in locked - listed} == {"flit-core"}
    assert listed <= locked
    assert sbom["metadata"]["component"]["version"] == __version__
    product = sbom["metadata"]["component"]["bom-ref"]
    (needed,) = [each for each in sbom["dependencies"] if each["ref"] == product]
    assert len(needed["dependsOn"]) == len(listed)


def test_the_checksums_are_those_of_the_release_files(release: Path) -> None:
    """Every file that is attached to the release has one."""
    lines = (release / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    files = [path for path in release.iterdir() if path.name not in ("SHA256SUMS", NOTES)]
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert (release / NOTES).stat().st_size > 100


def test_a_tag_of_another_version_is_refused(tmp_path: Path) -> None:
    """Nobody publishes one version under the name of another."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "build_release.py"), str(tmp_path), "--tag", "v0.1"],
        env=clean_environment(),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert ended.returncode == 1
    assert f"the tag is v0.1, the version {__version__}" in ended.stderr
    assert list(tmp_path.iterdir()) == []
