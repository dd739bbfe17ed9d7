"""Builds the files of a release: source distribution, wheel, SBOM, notes and checksums.

`python tools/build_release.py dist`, with the Python of `.venv-test`. Needs no network, and one
commit always gives the same bytes.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from flit_core import buildapi
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from taskworker_classifyimage import REPOSITORY, __version__

ROOT = Path(__file__).resolve().parents[1]
NAME = "taskworker-classifyimage"


def main() -> None:
    """Builds everything into one folder, which must be empty or absent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tag", help="the release's tag, which has to be v and the version")
    parsed = parser.parse_args()
    if parsed.tag not in (None, f"v{__version__}"):
        sys.exit(f"build_release: the tag is {parsed.tag}, the version {__version__}")
    folder = parsed.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        sys.exit(f"build_release: {folder} is not empty")
    # Both builders write this time into their archives.
    if "SOURCE_DATE_EPOCH" not in os.environ:
        os.environ["SOURCE_DATE_EPOCH"] = commit_time()
    os.chdir(ROOT)
    buildapi.build_sdist(str(folder))
    buildapi.build_wheel(str(folder))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    _write(folder / "requirements.lock", lock)
    _write(folder / f"{NAME}-{__version__}.cdx.json", bill_of_materials(lock))
    _write(folder / "SHA256SUMS", "".join(_checksums(folder)))
    # For the text of the release, not for its files.
    _write(folder / "release-notes.md", release_notes())


def bill_of_materials(lock: str) -> str:
    """The CycloneDX document of the product and of every package that it is installed with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    # Needed to install from a checkout, and part of nothing that runs.
    build_only = {
        canonicalize_name(Requirement(text).name)
        for text in project["dependency-groups"]["install"]
    }
    product = Component(
        name=NAME,
        version=__version__,
        type=ComponentType.APPLICATION,
        description=project["project"]["description"],
        licenses=[LicenseExpression(project["project"]["license"])],
        purl=PackageURL("pypi", name=NAME, version=__version__),
        bom_ref=NAME,
    )
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"{REPOSITORY}/{__version__}/{lock}"))
    bom.metadata.component = product
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    packages = [_component(found) for found in locked(lock) if found.name not in build_only]
    bom.components.update(packages)
    bom.register_dependency(product, packages)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def release_notes() -> str:
    """The changelog's section of this version, without its heading."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(
        rf"^## \[{re.escape(__version__)}\][^\n]*\n(.*?)(?=^## |\Z)",
        changelog,
        re.DOTALL | re.MULTILINE,
    )
    if section is None:
        sys.exit(f"build_release: CHANGELOG.md has no section for {__version__}")
    return section[1].strip() + "\n"


def locked(lock: str) -> Iterator[Requirement]:
    """The requirements of a lock file; a hash stands on a line of its own, which is indented."""
    for line in lock.splitlines():
        if line and not line.startswith((" ", "#")):
            yield Requirement(line.removesuffix("\\").strip())


def _component(requirement: Requirement) -> Component:
    version = str(requirement.specifier).removeprefix("==")
    purl = PackageURL("pypi", name=requirement.name, version=version)
    return Component(
        name=requirement.name,
        version=version,
        description=f"where {requirement.marker}" if requirement.marker else None,
        purl=purl,
        bom_ref=purl.to_string(),
    )


def _checksums(folder: Path) -> Iterator[str]:
    """Lines as `sha256sum --check` reads them."""
    for path in sorted(folder.iterdir()):
        yield f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


def commit_time() -> str:
    """In seconds since 1970, as a text."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
