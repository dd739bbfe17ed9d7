"""Exports of Teachable Machine need no flag; their own code's way with pictures is the measure."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from support.clean_process import without_libraries
from support.keras_2_files import save_teachable_machine
from support.keras_files import skip_without_tensorflow
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions
from taskworker_classifyimage.sample import SAMPLE

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of a Keras export, and its network in Keras 3."""
    skip_without_tensorflow()
    folder = tmp_path_factory.mktemp("export")
    network = save_teachable_machine(folder / "keras_model.h5", classes=3)
    (folder / "labels.txt").write_text("0 With Mask\n1 Gray Leaf Spot\n2 마스크 없음\n", "utf-8")
    return folder, network


def test_a_keras_export_is_packed_without_a_flag(tmp_path: Path, export: tuple[Path, Any]) -> None:
    """As a zip; the pack answers like the snippet of Teachable Machine where Keras is not."""
    folder, network = export
    with zipfile.ZipFile(tmp_path / "converted_keras.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    made = make_pack(str(tmp_path / "converted_keras.zip"), tmp_path / "pack", PackOptions())
    assert made.remarks == ("Taken for: Keras export of Teachable Machine.",)
    assert made.largest < 1e-5
    assert made.from_files is not None
    assert made.from_files.mean < 0.01
    pack = read_pack(tmp_path / "pack")
    assert pack.classes is not None
    assert pack.classes.ids == ("With Mask", "Gray Leaf Spot", "마스크 없음")
    assert (pack.input.size, pack.input.crop, pack.input.resize) == (224, 1.0, "lanczos")
    with Image.open(SAMPLE) as image:
        square = ImageOps.fit(image.convert("RGB"), (224, 224), Image.Resampling.LANCZOS)
    pixels = np.asarray(square)[None]
    expected = np.asarray(network(pixels.astype(np.float32) / 127.5 - 1))
    assert 0.01 < expected.max() < 0.99, "the network does not look at the picture"
    assert np.abs(without_libraries(tmp_path / "pack", pixels) - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("labels", "options", "problem"),
    [
        (None, PackOptions(), "has 3 outputs: name its classes with --classes"),
        ("0 a\n1 b\n", PackOptions(), "classes: there are 2 of them, the network has 3 outputs"),
        (
            "0 a\n1 b\n2 c\n",
            PackOptions(scaling=SCALINGS["0..1"]),
            "--scaling: Keras export of Teachable Machine says signed; leave this flag out",
        ),
    ],
    ids=["no labels", "too few", "another scaling"],
)
def test_what_is_missing_or_contradicts_is_said_in_one_line(
    tmp_path: Path,
    export: tuple[Path, Any],
    labels: str | None,
    options: PackOptions,
    problem: str,
) -> None:
    """Nothing is left."""
    source = tmp_path / "keras_model.h5"
    source.write_bytes((export[0] / "keras_model.h5").read_bytes())
    if labels:
        (tmp_path / "labels.txt").write_text(labels, "utf-8")
    with pytest.raises(ConfigError, match=problem) as caught:
        make_pack(str(source), tmp_path / "pack", options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "pack").exists()
