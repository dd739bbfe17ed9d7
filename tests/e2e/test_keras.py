import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.keras_files import save_as_published, skip_without_tensorflow
from support.odd_pictures import write_odd_pictures
from support.original import MODEL, Scores, assert_same, original_scores, seeded_original
from support.programs import COMMAND, RunningBridge, clean_environment, worker

pytestmark = [
    pytest.mark.large,
    # Keras passes its variables to NumPy in the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def _tensorflow() -> None:
    skip_without_tensorflow()


@dataclass(frozen=True)
class Lab:
    """A folder that the original has used, pictures, and its scores for each."""

    models: Path
    pictures: list[Path]
    scores: list[Scores]

    @property
    def flags(self) -> list[str]:
        folder = os.fspath(self.models)
        return ["--model", MODEL, "--models-dir", folder, "--preprocessing", "original"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "pictures").mkdir()
    pictures = write_odd_pictures(folder / "pictures", 24)
    network = seeded_original(pictures)
    saved = folder / "models" / "tensorflow" / "mobilenetv3large_model.keras"
    saved.parent.mkdir(parents=True)
    save_as_published(network, saved)
    return Lab(folder / "models", pictures, [original_scores(network, each) for each in pictures])


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    # Neither another backend nor a permission to use bfloat16 may change an answer.
    environ = clean_environment(
        HOME=os.fspath(home), KERAS_BACKEND="jax", ONEDNN_DEFAULT_FPMATH_MODE="BF16"
    )
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environ,
        capture_output=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )


def test_classify_is_a_drop_in_for_the_original(lab: Lab, tmp_path: Path) -> None:
    """The original's model gives the original's answers; nothing on stderr or in the home."""
    ended = run(
        "classify",
        "-q",
        "--offline",
        "--top",
        "1000",
        *lab.flags,
        *map(str, lab.pictures),
        home=tmp_path,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    results = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [result["path"] for result in results] == [os.fspath(path) for path in lab.pictures]
    assert sum(map(assert_same, lab.scores, [each["predictions"] for each in results])) > 150
    assert list(tmp_path.iterdir()) == []


def test_the_worker_is_a_drop_in_for_the_original(running_bridge: RunningBridge, lab: Lab) -> None:
    """Through a bridge, the result names model, library and device as the original does."""
    api = running_bridge.api
    asked = {"targetlanguage": "en", "numberofpredictions": 1000}
    tasks = [api.add(asked, path.read_bytes()) for path in lab.pictures[:6]]
    with worker(running_bridge.url, "w", *lab.flags) as program:
        for task, scores in zip(tasks, lab.scores, strict=False):
            result = api.wait_for_result(task)
            assert_same(scores, result["predictions"])
            assert result["model"] == MODEL
            assert result["library"].startswith("tensorflow-2.")
            assert result["device"] == "cpu"
        assert program.stop() == 0


def test_doctor_tries_a_network_of_keras_only_if_asked(lab: Lab, tmp_path: Path) -> None:
    """With random weights the sample is not recognised, so the check fails."""
    folder = ["--models-dir", os.fspath(lab.models), "--offline"]
    ended = run("doctor", *folder, home=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "MobileNet" not in ended.stdout
    ended = run("doctor", *folder, "--model", f"EfficientNetLite0,{MODEL}", home=tmp_path)
    assert ended.returncode == 1
    assert f"FAIL  model {MODEL} " in ended.stdout
    assert "takes the sample for" in ended.stdout


def test_models_lists_what_is_here_and_what_can_be_had(lab: Lab, tmp_path: Path) -> None:
    """All networks of Keras, and which of them have weights on this machine."""
    ended = run("models", "--models-dir", os.fspath(lab.models), home=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = {line[2:].split()[0]: line.split() for line in ended.stdout.splitlines() if line}
    assert rows[MODEL][1:3] == ["224x224", "75.6%"]
    assert "yes" in rows[MODEL]
    assert "no" in rows["ConvNeXtXLarge"]
    assert rows["ConvNeXtXLarge"][-1].endswith("/convnext_xlarge.h5")
    assert sum(line.endswith(".h5") for line in ended.stdout.splitlines()) == 40
