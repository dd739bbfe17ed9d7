"""The integrations of Autopsy and Nuix under Jython: stand-ins with a real bridge and worker."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.in_process import serving
from support.other_pythons import QUICK_JAVA, jython_program
from support.programs import ROOT
from support.small_worker import small_worker
from support.working import coloured_picture

pytestmark = pytest.mark.large

PROGRAMS = ROOT / "tests" / "support" / "jython"
NAMES = {"red": "red thing", "green": "green thing", "blue": "blue thing"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder, and the class name of each picture in it; other files are between them."""
    source, folder, names = random.Random(4), tmp_path_factory.mktemp("pictures"), {}
    for number in range(25):
        best, content = coloured_picture(source)
        name = f"{number}.{'jpg' if number % 2 else 'bmp'}"
        (folder / name).write_bytes(content)
        names[name] = NAMES[best]
    (folder / "a.txt").write_text("no picture, and not said to be one")
    (folder / "b.bmp").write_text("no picture")
    return folder, names


def install(tool: str, folder: Path, **settings: object) -> Path:
    command = [sys.executable, "-B", str(ROOT / "integrations" / "install.py"), tool, str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.rglob("*.properties")
    lines = [f"{name} = {text}" for name, text in {"skipSize": 0, **settings}.items()]
    path.write_text("\n".join([path.read_text("utf-8"), *lines]), "utf-8")
    return folder


def run(program: str, *arguments: Path) -> dict[str, Any]:
    ended = subprocess.run(
        [jython_program(), "-B", str(PROGRAMS / program), *map(str, arguments)],
        env={**os.environ, **QUICK_JAVA},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture(scope="module")
def autopsy(
    pictures: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """What Autopsy was given; all in one run, as Jython takes seconds to start."""
    folder = tmp_path_factory.mktemp("autopsy")
    (temporary := folder / "temporary").mkdir()
    with (
        serving(folder / "bridge") as bridge,
        serving(folder / "without a worker") as other,
        small_worker(bridge.url),
    ):
        found = run(
            "run_autopsy.py",
            pictures[0],
            temporary,
            install("autopsy", folder / "good", taskBridgeUrl=bridge.url, predictions=1),
            install("autopsy", folder / "cancelled", taskBridgeUrl=other.url, inFlight=100),
            install("autopsy", folder / "wrong", taskBridgeUrl="nonsense"),
        )
        found["tasks"] = bridge.listed() + other.listed()
        found["temporary"] = list(temporary.iterdir())
        yield found


def test_autopsy_is_given_an_object_for_each_class(
    autopsy: dict[str, Any], pictures: tuple[Path, dict[str, str]]
) -> None:
    """Once, also if the ingest is repeated; what failed is told."""
    found, (_, names) = autopsy["good"], pictures
    assert found["problem"] is None
    assert {name: text for name, _, text, _, _ in found["blackboard"]} == names
    assert len(found["blackboard"]) == len(names)
    for _, kind, _, comment, job in found["blackboard"]:
        assert (kind, job) == ("TSK_OBJECT_DETECTED", 7)
        assert comment.endswith(", Colours")
        assert " %, " in comment
    assert found["messages"] == [
        ["WARNING", "Pictures: 25 classified, 1 unsupported_format"],
        ["WARNING", "Pictures: 1 unsupported_format"],
    ]
    assert found["log"][0][1].startswith("/img/b.bmp: ")


def test_autopsy_is_told_what_is_wrong_with_the_settings(autopsy: dict[str, Any]) -> None:
    problem = autopsy["wrong"]["problem"]
    assert problem.startswith("ImageClasses.properties: taskBridgeUrl: nonsense is no address")


def test_nothing_of_autopsy_s_pictures_is_left(autopsy: dict[str, Any]) -> None:
    """On the bridges and in the folder for temporary files, also after a cancelled ingest."""
    assert autopsy["cancelled"]["blackboard"] == []
    assert autopsy["tasks"] == []
    assert autopsy["temporary"] == []


@pytest.fixture(scope="module")
def nuix(
    pictures: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """What Nuix was given, by the name of the script's folder."""
    folder = tmp_path_factory.mktemp("nuix")
    nobody = "http://127.0.0.1:9/"
    with serving(folder / "bridge") as bridge, small_worker(bridge.url):
        found = run(
            "run_nuix.py",
            pictures[0],
            install("nuix", folder / "good", taskBridgeUrl=bridge.url, predictions=1),
            install("nuix", folder / "unreachable", taskBridgeUrl=nobody, patience=0),
            install("nuix", folder / "settings", predictions="many"),
        )
        found["tasks"] = bridge.listed()
        yield found


def test_nuix_is_given_tags_and_metadata(
    nuix: dict[str, Any], pictures: tuple[Path, dict[str, str]]
) -> None:
    found, (_, names) = dict(nuix["good"]), pictures
    assert found.pop("a.txt") == [[], {}]
    tags, metadata = found.pop("b.bmp")
    assert tags == ["Images|Not classified|unsupported_format"]
    assert list(metadata) == ["Image class error"]
    assert {name: tags for name, (tags, _) in found.items()} == {
        name: [f"Images|Classes|{text}"] for name, text in names.items()
    }
    for name, (_, metadata) in found.items():
        assert metadata["Image class"] == names[name]
        assert 0 < metadata["Image class probability"] <= 100
        assert metadata["Image class model"] == "Colours"
    assert nuix["tasks"] == []


@pytest.mark.parametrize("code", ["unreachable", "settings"])
def test_nuix_goes_on_without_a_bridge_and_with_wrong_settings(
    nuix: dict[str, Any], code: str
) -> None:
    """Each picture gets a tag that tells it."""
    found = dict(nuix[code])
    assert found.pop("a.txt") == [[], {}]
    assert {tag for tags, _ in found.values() for tag in tags} == {f"Images|Not classified|{code}"}
