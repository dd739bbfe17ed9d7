"""Exports of ultralytics, which say all about themselves, and those that only seem to be some."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.packs import SIZE, fixed_network, with_metadata
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.labels import find_label_files
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.class_names import to_classes
from taskworker_classifyimage.packing.network import PackOptions

NAMES = ('l\'été, "2"', "Gray Leaf Spot", "회색점무늬병")
SAYS = {
    "description": "Ultralytics YOLO11n-cls model",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
    "task": "classify",
    "imgsz": f"[{SIZE}, {SIZE}]",
    "names": repr(dict(enumerate(NAMES))),
    "channels": "3",
}


def saved(folder: Path, **changes: str) -> Path:
    path = folder / "best.onnx"
    path.write_bytes(with_metadata(fixed_network(), **{**SAYS, **changes}))
    return path


def test_an_export_is_packed_without_a_flag(tmp_path: Path) -> None:
    """For one picture at a time, as ultralytics exports by default; the pack takes several."""
    compared = make_pack(str(saved(tmp_path)), tmp_path / "pack", PackOptions())
    assert compared.remarks == ("Taken for: classification export of ultralytics.",)
    assert (compared.pictures, compared.same_best) == (20, 20)
    assert compared.largest < 1e-6
    assert compared.from_files is not None
    assert compared.from_files.mean < 0.01
    pack = read_pack(tmp_path / "pack")
    assert pack.classes == OwnClasses(NAMES, {})
    assert (pack.input.size, pack.input.crop, pack.input.resize) == (SIZE, 1.0, "bilinear")
    assert (pack.tensor.divide, pack.output) == ((255.0, 255.0, 255.0), "probabilities")
    assert pack.licence.startswith("AGPL-3.0")
    blue = np.full((5, SIZE, SIZE, 3), (0, 0, 255), dtype=np.uint8)
    found = load_classifier(str(tmp_path / "pack")).probabilities(blue)
    assert np.abs(found - np.exp([0, 0, 4]) / np.exp([0, 0, 4]).sum()).max() < 1e-6


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"task": "detect"}, "is a network of ultralytics for 'detect', not classify"),
        ({"channels": "1"}, "takes 1 channels, not RGB"),
        ({"imgsz": f"[{SIZE}, 32]"}, r"imgsz is \[16, 32\], not square"),
        ({"imgsz": "[]"}, r"imgsz is \[\], not square"),
        ({"imgsz": "[32, 32]"}, "--size: the network takes 16 x 16"),
        ({"names": "__import__('os').mkdir('has-run')"}, "names cannot be read"),
        ({"names": "(" * 5000}, "names cannot be read"),
        ({"names": "{0: 'red', 2: 'blue'}"}, "does not name each class by its number"),
        ({"names": "{0: 'red', 1: 'blue'}"}, "the source's classes: there are 2 of them"),
        ({"names": "{0: 'red', 1: '', 2: 'x'}"}, "class 1 has no printable name"),
        ({"names": "{0: 'red', 1: 'a\\nb', 2: 'x'}"}, "class 1 has no printable name"),
    ],
)
def test_what_an_export_says_wrong_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], problem: str
) -> None:
    """Nothing in it is run, and nothing is left."""
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, **changes)
    with pytest.raises((ConfigError, ModelError), match=problem) as caught:
        make_pack(str(path), tmp_path / "pack", PackOptions())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250
    assert [each.name for each in tmp_path.iterdir()] == ["best.onnx"]


def test_a_flag_against_the_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--crop: classification export of ultralytics says 1"):
        make_pack(str(saved(tmp_path)), tmp_path / "pack", PackOptions(crop=0.875))


def test_wrong_preprocessing_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the description were wrong: here the export's own preprocessing is blue first."""
    module = "taskworker_classifyimage.packing.ultralytics_source.cut_square"
    monkeypatch.setattr(module, lambda image, side, _filter: stretched(image, side)[..., ::-1])
    with pytest.raises(ModelError, match="colours, crop or size are not as described"):
        make_pack(str(saved(tmp_path)), tmp_path / "pack", PackOptions())
    assert not (tmp_path / "pack").exists()


def stretched(image: Image.Image, side: int) -> np.ndarray:
    return np.asarray(image.resize((side, side)), np.float32)


def test_without_the_library_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only to change a network; one for any number of pictures needs it not."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigError, match=r"onnx is not installed: .*\[onnx\]"):
        make_pack(str(saved(tmp_path)), tmp_path / "pack", PackOptions())
    (tmp_path / "free.onnx").write_bytes(with_metadata(fixed_network(batch="batch"), **SAYS))
    make_pack(str(tmp_path / "free.onnx"), tmp_path / "pack", PackOptions())


def test_the_usual_classes_are_known_by_their_names() -> None:
    """As lists have them: in other words, with underscores, or several; not in another order."""
    usual = list(find_label_files().names("en").values())
    assert to_classes(usual, "list") is None
    synonyms = [name.replace(" ", "_").upper() for name in usual[:950]] + ["something"] * 50
    assert to_classes(synonyms, "list") is None
    assert to_classes(list(find_label_files().ids), "list") is None
    assert to_classes([f"{name}, or so" for name in usual], "list") is None
    mixed = to_classes(usual[::-1], "list")
    assert mixed is not None
    assert mixed.ids[-1] == usual[0]


def test_two_classes_of_one_name_are_told_apart_by_their_ids() -> None:
    """As crane, the bird and the machine."""
    classes = to_classes(["crane", "dog", "crane"], "list")
    assert classes == OwnClasses(
        ("crane (0)", "dog", "crane (2)"), {"en": ("crane", "dog", "crane")}
    )
