"""The examples of docs/python.md, run from the built wheel in a new environment."""

import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from support.programs import ROOT, RunningBridge, clean_environment
from support.small_worker import small_worker
from support.waiting import LONG_S
from taskworker_classifyimage.sample import SAMPLE

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
#: What is said to be printed directly below an example.
SHOWN = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the built wheel; the libraries come from this one."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", str(ROOT)],
        cwd=folder,
        env=clean_environment(PYTHONWARNINGS="default", PIP_NO_BUILD_ISOLATION="0"),
        check=True,
    )
    venv.create(folder / "venv", with_pip=False)
    [site] = (folder / "venv").rglob("site-packages")
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    windows = sys.platform == "win32"
    return folder / "venv" / ("Scripts/python.exe" if windows else "bin/python")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the pictures that the examples name."""
    shutil.copy(SAMPLE, tmp_path / "photo.jpg")
    (tmp_path / "photos").mkdir()
    shutil.copy(SAMPLE, tmp_path / "photos" / "a.jpg")
    return tmp_path


def run_example(python: Path, place: Path, example: str) -> str:
    (place / "example.py").write_text(example, encoding="utf-8")
    ended = subprocess.run(
        [python, "example.py"],
        cwd=place,
        env=clean_environment(PYTHONUTF8="1"),
        capture_output=True,
        encoding="utf-8",
        timeout=LONG_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), example
    return ended.stdout


def test_the_environment_has_the_wheel_and_not_this_checkout(python: Path, place: Path) -> None:
    shown = run_example(python, place, "import taskworker_classifyimage as t\nprint(t.__file__)")
    assert str(python.parents[1]) in shown


@pytest.mark.parametrize("example", [each for each in EXAMPLES if "BridgeClient" not in each])
def test_examples_run(python: Path, place: Path, example: str) -> None:
    assert run_example(python, place, example)


@pytest.mark.parametrize(("example", "shown"), SHOWN)
def test_examples_print_what_the_page_says(
    python: Path, place: Path, example: str, shown: str
) -> None:
    assert run_example(python, place, example) == shown


def test_the_example_of_a_bridge_runs(
    python: Path, place: Path, running_bridge: RunningBridge
) -> None:
    [example] = [each for each in EXAMPLES if "BridgeClient" in each]
    with small_worker(running_bridge.url):
        shown = run_example(
            python, place, example.replace("http://127.0.0.1:42000/", running_bridge.url)
        )
    assert shown.count("Prediction(") == 10
