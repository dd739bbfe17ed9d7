"""The files around the code agree with it and with each other."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from support.programs import ROOT
from taskworker_classifyimage import REPOSITORY, __version__

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "integrations/*/*.md", ".github/*.md")
    for path in ROOT.glob(pattern)
)
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCKS = sorted(ROOT.glob("requirements*.lock"))
#: `[text](target)` and `[name]: target`.
LINKS = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(text_of("pyproject.toml"))


def links(document: Path) -> list[str]:
    """The targets of a document's links; code is left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text("utf-8"), flags=re.DOTALL)
    return [inline or reference for inline, reference in LINKS.findall(text)]


def path_in_checkout(target: str) -> str | None:
    """The path that an address on the repository's page names, if it names one."""
    found = re.match(rf"{re.escape(REPOSITORY)}/(?:blob|tree)/main/([^#]+)", target)
    return found[1] if found else None


def names(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_every_link_leads_to_a_file_of_the_checkout(document: Path) -> None:
    """Relative, or by its address on the repository's page."""
    for target in links(document):
        if "://" not in target and not target.startswith("#"):
            assert (document.parent / target.partition("#")[0]).exists(), target
        elif (path := path_in_checkout(target)) is not None:
            assert (ROOT / path).exists(), target


def test_links_of_the_readme_work_on_a_package_index() -> None:
    """A package index shows the README alone, so nothing can be relative to it."""
    assert [each for each in links(ROOT / "README.md") if not each.startswith("https://")] == []


def test_every_reference_in_the_readme_is_defined_and_every_definition_used() -> None:
    """Markdown shows an undefined reference as its source."""
    readme = text_of("README.md")
    used = set(re.findall(r"\]\[([^\]]+)\]", readme))
    assert used == set(re.findall(r"^\[([^\]]+)\]: ", readme, re.MULTILINE))


def test_project_urls_lead_to_files_of_the_checkout() -> None:
    """They are what a package index shows beside the README."""
    urls = project()["project"]["urls"]
    assert {"Homepage", "Source", "Issues", "Changelog", "Documentation"} <= set(urls)
    for url in urls.values():
        assert url.startswith(REPOSITORY)
        path = path_in_checkout(url)
        assert path is None or (ROOT / path).exists(), url


def test_the_changelog_has_this_version() -> None:
    """Below what is unreleased, and above all others."""
    headings = re.findall(r"^## \[([^\]]+)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[:2] == ["Unreleased", __version__]


def test_the_citation_names_this_version_with_its_date() -> None:
    """As the changelog has both."""
    citation = text_of("CITATION.cff")
    assert f"\nversion: {__version__}\n" in citation
    headings = re.findall(r"^## \[(\S+)\] - (\S+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert f'\ndate-released: "{dict(headings)[__version__]}"\n' in citation


def test_author_and_licence_are_those_of_the_licence_file() -> None:
    """In the package's metadata and in the citation."""
    licence = text_of("LICENSE")
    (author,) = project()["project"]["authors"]
    assert f" {author['name']}\n" in licence
    assert f"  - name: {author['name']}\n" in text_of("CITATION.cff")
    assert licence.startswith("MIT License")
    assert "\nlicense: MIT\n" in text_of("CITATION.cff")


def test_one_range_of_python_versions_everywhere() -> None:
    """In the classifiers, and where the scripts look for a Python."""
    tables = project()["project"]
    versions = re.findall(r":: Python :: 3\.(\d+)", "\n".join(tables["classifiers"]))
    first, last = versions[0], versions[-1]
    assert tables["requires-python"] == f">=3.{first}"
    check = f"(3, {first}) <= sys.version_info[:2] <= (3, {last})"
    for script in ("scripts/venv.sh", "classifyimage.bat"):
        assert check in text_of(script), script
    assert f"Python 3.{first} to 3.{last}" in text_of("README.md")
    (base,) = re.findall(r"^ARG BASE=python:3\.(\d+)-slim$", text_of("Dockerfile"), re.MULTILINE)
    assert base in versions


@pytest.mark.parametrize("lock", LOCKS, ids=names)
def test_locks_hold_hashes_and_no_addresses(lock: Path) -> None:
    """Every mirror will do, and none can change a package."""
    text = lock.read_text("utf-8")
    assert "://" not in text
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > 10
    assert [each for each in packages if "--hash=sha256:" not in each] == []


def test_every_dependency_group_is_locked() -> None:
    """An environment that is set up from a lock file would lack what is not in it."""
    (table,) = re.findall(
        r"^locks='\n(.*?)^'", text_of("scripts/lock.sh"), re.DOTALL | re.MULTILINE
    )
    rows = [line.split() for line in table.splitlines()]
    assert set(project()["dependency-groups"]) <= {group for row in rows for group in row[1:]}
    assert {path.name for path in LOCKS} <= {row[0] for row in rows}


def test_the_lock_satisfies_the_bounds_of_the_dependencies() -> None:
    """A bound that is raised for a flaw reaches installations only with a new lock."""
    locked = [
        Requirement(line.removesuffix("\\"))
        for line in text_of("requirements.lock").splitlines()
        if re.match("[a-z0-9]", line)
    ]
    for text in project()["project"]["dependencies"]:
        wanted = Requirement(text)
        versions = [str(each.specifier)[2:] for each in locked if each.name == wanted.name]
        assert versions, text
        assert all(map(wanted.specifier.contains, versions)), text


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=names)
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    """A tag can be moved to other code; the version stands beside the commit, for Dependabot."""
    text = workflow.read_text("utf-8")
    used = re.findall(r"uses: *(.+)", text)
    pinned = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/[\w-]+\.yml")
    assert used
    assert [each for each in used if not pinned.fullmatch(each)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=names)
def test_workflows_have_no_rights_that_they_do_not_need(workflow: Path) -> None:
    """Reading, by default; code of a pull request never runs with the repository's secrets."""
    text = workflow.read_text("utf-8")
    assert re.search(r"^permissions:\n  contents: read\n", text, re.MULTILINE)
    assert "pull_request_target" not in text
    assert re.findall(r"secrets\.\w+", text) == []


def test_all_green_waits_for_every_other_job() -> None:
    """It is the only job that the branch rule asks for."""
    text = text_of(".github/workflows/checks.yml")
    jobs = re.findall(r"^  ([\w-]+):\n    \w", text.partition("\njobs:\n")[2], re.MULTILINE)
    (needs,) = re.findall(r"needs: \[(.+)\]", text)
    assert jobs == [*needs.split(", "), "all-green"]
    (expected,) = re.findall(r'test "\$RESULTS" = "(.+)"', text)
    assert expected.split() == ["success"] * len(needs.split(", "))


def test_every_pre_commit_hook_is_local() -> None:
    """A remote one would bring versions of its own, and its repository's code."""
    repositories = re.findall(r"- repo: *(.+)", text_of(".pre-commit-config.yaml"))
    assert repositories == ["local"]


def test_the_image_is_labelled_as_the_package_is() -> None:
    """Two descriptions of one program."""
    labels = dict(
        re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', text_of("Dockerfile"))
    )
    tables = project()["project"]
    assert labels["title"] == tables["name"]
    assert labels["description"] == tables["description"]
    assert labels["licenses"] == tables["license"]
    assert labels["source"] == REPOSITORY
    assert path_in_checkout(labels["documentation"]) == "docs/install.md"


def test_all_that_the_image_copies_is_in_its_context() -> None:
    """`.dockerignore` leaves out all that it does not name."""
    allowed = {
        line.removeprefix("!") for line in text_of(".dockerignore").splitlines() if line[:1] == "!"
    }
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text_of("Dockerfile"), re.MULTILINE)
    assert {source for line in copied for source in line.split()} == allowed
    assert [source for source in allowed if not (ROOT / source).exists()] == []
