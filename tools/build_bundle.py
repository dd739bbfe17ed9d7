"""Builds a bundle for machines without internet: one zip for each platform.

`python tools/build_bundle.py dist`, with the Python of `.venv-test`. It downloads the locked wheels
of the platform, which needs a package index, and adds the program's own wheel, the lock, an SBOM, a
start script, `verify.py` and checksums. One commit always gives the same bytes.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flit_core import buildapi
from packaging.requirements import Requirement

from build_release import NAME, ROOT, bill_of_materials, commit_time, locked
from taskworker_classifyimage import __version__

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: The first time that a zip can hold.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform as pip and markers name it; the wheel tags in the order of preference."""

    tags: tuple[str, ...]
    sys_platform: str
    machine: str
    system: str
    start: str


PLATFORMS = {
    "linux-x86_64": Platform(
        (*(f"manylinux_2_{minor}_x86_64" for minor in range(34, 4, -1)), "manylinux2014_x86_64"),
        "linux",
        "x86_64",
        "Linux",
        "classifyimage.sh",
    ),
    "linux-arm64": Platform(
        (*(f"manylinux_2_{minor}_aarch64" for minor in range(34, 16, -1)), "manylinux2014_aarch64"),
        "linux",
        "aarch64",
        "Linux",
        "classifyimage.sh",
    ),
    "windows-x64": Platform(("win_amd64",), "win32", "AMD64", "Windows", "classifyimage.bat"),
    "macos-arm64": Platform(
        tuple(
            f"macosx_{major}_0_{kind}"
            for major in range(14, 10, -1)
            for kind in ("arm64", "universal2")
        ),
        "darwin",
        "arm64",
        "Darwin",
        "classifyimage.sh",
    ),
}


def main() -> None:
    """Builds the bundles that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--platform", choices=PLATFORMS, action="append")
    parser.add_argument("--python", choices=PYTHONS, action="append", help="default: all")
    parsed = parser.parse_args()
    if "SOURCE_DATE_EPOCH" not in os.environ:
        os.environ["SOURCE_DATE_EPOCH"] = commit_time()
    parsed.folder.mkdir(parents=True, exist_ok=True)
    for name in parsed.platform or PLATFORMS:
        bundle = parsed.folder.resolve() / f"{NAME}-{__version__}-{name}.zip"
        with tempfile.TemporaryDirectory() as temporary:
            fill(Path(temporary), PLATFORMS[name], parsed.python or PYTHONS)
            write_zip(Path(temporary), bundle)
        print(f"{hashlib.sha256(bundle.read_bytes()).hexdigest()}  {bundle.name}")


def fill(folder: Path, platform: Platform, pythons: Sequence[str]) -> None:
    """Puts all files of a bundle into an empty folder."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for python in pythons:
        download(folder, platform, python, lock)
    os.chdir(ROOT)
    buildapi.build_wheel(str(folder))
    sources = (
        ROOT / "requirements.lock",
        ROOT / "scripts" / "venv.sh",
        ROOT / "LICENSE",
        ROOT / "tools" / "bundle" / platform.start,
        ROOT / "tools" / "bundle" / "verify.py",
    )
    for source in sources:
        shutil.copy(source, folder / source.name)
    (folder / f"{NAME}-{__version__}.cdx.json").write_text(bill_of_materials(lock), "utf-8")
    (folder / "SHA256SUMS").write_text("".join(checksums(folder)), "utf-8")


def download(folder: Path, platform: Platform, python: str, lock: str) -> None:
    """Downloads the wheels of one version of Python; only those that the lock knows."""
    environment = {
        "implementation_name": "cpython",
        "os_name": "nt" if platform.sys_platform == "win32" else "posix",
        "platform_machine": platform.machine,
        "platform_python_implementation": "CPython",
        "platform_system": platform.system,
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": platform.sys_platform,
    }
    # pip would read the markers for this machine, not for the platform.
    wanted = (
        each for each in locked(lock) if each.marker is None or each.marker.evaluate(environment)
    )
    requirements = folder / "wanted.txt"
    requirements.write_text("".join(with_hashes(lock, wanted)), "utf-8")
    tags = [word for tag in platform.tags for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", *tags]
    abis = ("abi3", f"cp{python.replace('.', '')}", "none")
    command += ["--implementation", "cp", *(word for abi in abis for word in ("--abi", abi))]
    command += ["--python-version", python, "--dest", str(folder / "wheels")]
    subprocess.run([*command, "--requirement", str(requirements)], check=True)
    requirements.unlink()


def with_hashes(lock: str, wanted: Iterable[Requirement]) -> Iterator[str]:
    """The lines of a lock file for some of its requirements, without their markers."""
    names = {(each.name, each.marker) for each in wanted}
    is_wanted = False
    for line in lock.splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            is_wanted = (requirement.name, requirement.marker) in names
            if is_wanted:
                yield f"{requirement.name}{requirement.specifier} \\\n"
        elif is_wanted and line.startswith(" "):
            yield f"{line}\n"


def checksums(folder: Path) -> Iterator[str]:
    """Lines as `sha256sum --check` reads them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            yield f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n"


def write_zip(folder: Path, bundle: Path) -> None:
    """Zips a folder under the bundle's name; wheels are compressed already."""
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = f"{bundle.stem}/{path.relative_to(folder).as_posix()}"
                entry = zipfile.ZipInfo(name, _ZIP_TIME)
                entry.external_attr = (0o755 if path.suffix == ".sh" else 0o644) << 16
                archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    main()
