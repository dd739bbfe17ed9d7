import subprocess
from pathlib import Path

import numpy as np
import pytest

from support.clean_process import without_libraries
from support.keras_files import (
    pin,
    save_as_published,
    seeded_network,
    skip_without_tensorflow,
)
from support.packs import colour_network
from support.programs import COMMAND, clean_environment
from support.same_process import RunHere
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_import import import_tensorflow
from taskworker_classifyimage.classify.keras.tensorflow_runtime import preprocessing
from taskworker_classifyimage.cli import main
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.packing.comparison import load_pictures
from taskworker_classifyimage.packing.libraries import quiet_libraries
from taskworker_classifyimage.packing.network import SCALINGS


def pack(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "models", "pack", *arguments],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=200,
        check=False,
    )


@pytest.mark.large
@pytest.mark.timeout(300)
def test_the_originals_network_runs_where_tensorflow_is_not(tmp_path: Path) -> None:
    """By its Keras name, from the models folder, as a folder that is carried elsewhere."""
    skip_without_tensorflow()
    models = tmp_path / "models"
    models.mkdir()
    weights = models / keras_networks()["MobileNetV3Large"].file
    with quiet_libraries():
        network = seeded_network("MobileNetV3Large")
        save_as_published(network, weights)
    pin(weights)
    folder = tmp_path / "pack"
    ended = pack(
        "MobileNetV3Large", "--models-dir", str(models), "--offline", "--output", str(folder)
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Compared on 20 pictures: largest difference of probabilities" in ended.stdout
    assert "the same best class on 20." in ended.stdout
    pictures = load_pictures(InputSpec(224, 0.875), []).pixels
    prepare = preprocessing(import_tensorflow()[1], keras_networks()["MobileNetV3Large"])
    with quiet_libraries():
        expected = np.asarray(network(prepare(pictures.astype(np.float32)), training=False))
    assert np.ptp(expected, axis=0).max() > 0.1, "the network tells no pictures apart"
    assert np.abs(without_libraries(folder, pictures) - expected).max() < 1e-4
    about = read_pack(folder)
    assert (about.name, about.licence, about.published_top1) == (
        "MobileNetV3Large",
        "Apache-2.0",
        0.756,
    )
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "model.toml"]


def test_a_file_is_packed_with_classes_of_its_own(tmp_path: Path, run_here: RunHere) -> None:
    """An ONNX file needs no other library; the flags say what the file cannot."""
    (tmp_path / "ours.onnx").write_bytes(colour_network(dtype="float32").SerializeToString())
    (tmp_path / "ours.names").write_text("red\ta red thing\ngreen\nblue\n", encoding="utf-8")
    flags = [
        "--classes",
        str(tmp_path / "ours.names"),
        "--scaling",
        "1,2,3/4,5,6",
        "--crop",
        "none",
    ]
    ended = pack(str(tmp_path / "ours.onnx"), "--output", str(tmp_path / "pack.zip"), *flags)
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = run_here(
        "models",
        "pack",
        str(tmp_path / "ours.onnx"),
        "--output",
        str(tmp_path / "pack.zip"),
        *flags,
    )
    assert ended.returncode == 2
    assert "is there already" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_unknown_network_is_refused_with_similar_names(
    tmp_path: Path, run_here: RunHere
) -> None:
    """One line, exit code 2, and nothing made."""
    ended = run_here("models", "pack", "MobileNetV3Larg", "--output", str(tmp_path / "pack"))
    assert ended.returncode == 2
    assert "there is MobileNetV3Large" in ended.stderr
    assert ended.stderr.count("\n") == 1
    ended = run_here(
        "models",
        "pack",
        "MobileNetV3Large",
        "--output",
        str(tmp_path / "pack"),
        "--scaling",
        "none",
    )
    assert "--scaling: Keras knows it for MobileNetV3Large" in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flag", "value", "problem"),
    [
        ("--crop", "3", "must be from 0.1 to 1, or none; it is '3'"),
        ("--crop", "all", "must be from 0.1 to 1, or none; it is 'all'"),
        ("--scaling", "0,0,0/1,1", "must be one of none, 0..1, signed, imagenet, or R,G,B/R,G,B"),
        ("--scaling", "0,0,0/1,1,0", "are not 0; it is '0,0,0/1,1,0'"),
        ("--scaling", "minmax", "it is 'minmax'"),
        ("--scaling", "0,0,0/nan,1,1", "it is '0,0,0/nan,1,1'"),
    ],
)
def test_a_wrong_flag_is_refused_with_the_right_values(
    capsys: pytest.CaptureFixture[str], flag: str, value: str, problem: str
) -> None:
    """In the words of whoever reads it, not in those of the program."""
    assert main(["models", "pack", "ours.onnx", "--output", "pack", flag, value]) == 2
    said = capsys.readouterr().err
    assert f"{flag.removeprefix('--')} must be" in said
    assert problem in said


@pytest.mark.parametrize("scaling", SCALINGS)
def test_every_scaling_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scaling: str
) -> None:
    """A name that begins with a dash would be taken for a flag."""
    output = str(tmp_path / "pack")
    assert main(["models", "pack", "no.onnx", "--output", output, "--scaling", scaling]) == 2
    assert "there is no file no.onnx" in capsys.readouterr().err
