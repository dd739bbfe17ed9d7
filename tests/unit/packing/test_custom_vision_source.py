"""Exports of Azure Custom Vision: labels beside the network, and channels as the file says."""

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from support.packs import SIZE, fixed_network, with_metadata
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.network import PackOptions

LABELS = ("1 With Mask", 'l\'été "2"', "마스크 없음")
MANIFEST = {
    "DomainType": "Classification",
    "Platform": "ONNX",
    "ExporterVersion": "2.1",
    "ModelFileName": "model.onnx",
    "LabelFileName": "labels.txt",
    "ModelFileSHA1": "of another file, as in Microsoft's own sample",
}
#: What the file itself says: such networks have their scaling inside.
BYTES = {"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"}
PREPROCESS = {
    "CustomVision.Postprocess.Method": "ClassificationMultiClass",
    "CustomVision.Preprocess.NormalizeMean": "[0.0, 0.0, 0.0]",
    "CustomVision.Preprocess.NormalizeStd": "[1.0, 1.0, 1.0]",
    "Image.BitmapPixelFormat": "Rgb8",
}


def of_bytes(last: str = "Softmax") -> onnx.ModelProto:
    """A network that reads 0 to 255."""
    network = fixed_network(last=last)
    gain = next(each for each in network.graph.initializer if each.name == "gain")
    gain.CopyFrom(onnx.numpy_helper.from_array(np.full(3, 4 / 255, np.float32), "gain"))
    return network


def exported(folder: Path, **changes: str | bytes | None) -> Path:
    """A zip as Custom Vision gives it; `changes` are other files, None for one that is missing."""
    files: dict[str, str | bytes | None] = {
        "cvexport_manifest": json.dumps(MANIFEST),
        "labels_txt": "\r\n".join(LABELS),
        "model_onnx": with_metadata(of_bytes(), **BYTES),
        "metadata_properties_json": json.dumps(PREPROCESS),
        "LICENSE": "MIT",
        **changes,
    }
    path = folder / "0a1b.ONNX.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(".".join(name.rsplit("_", 1)), content)
    return path


def test_an_export_is_packed_without_a_flag(tmp_path: Path) -> None:
    """Blue first and bytes, as the file says and the table beside it denies; labels as typed."""
    made = make_pack(str(exported(tmp_path)), tmp_path / "pack", PackOptions())
    assert made.remarks == ("Taken for: Custom Vision export.",)
    assert made.largest < 1e-6
    assert made.from_files is not None
    assert made.from_files.mean < 0.01
    pack = read_pack(tmp_path / "pack")
    assert pack.classes == OwnClasses(LABELS, {})
    assert (pack.tensor.colours, pack.tensor.divide) == ("BGR", (1.0, 1.0, 1.0))
    assert (pack.name, pack.input.crop) == ("0a1b.ONNX", 1.0)
    blue = np.full((2, SIZE, SIZE, 3), (0, 0, 255), np.uint8)
    found = load_classifier(str(tmp_path / "pack")).probabilities(blue)
    assert found.argmax(axis=1).tolist() == [0, 0]


def test_an_old_export_without_a_table_is_known_by_its_network(tmp_path: Path) -> None:
    """Values from 0 to 1, red first, are what the file does not have to say."""
    changes = {"cvexport_manifest": None, "metadata_properties_json": None}
    network = with_metadata(fixed_network(), **{"Image.BitmapPixelFormat": "Rgb8"})
    path = exported(tmp_path, **changes, model_onnx=network)
    make_pack(str(path), tmp_path / "pack", PackOptions())
    tensor = read_pack(tmp_path / "pack").tensor
    assert (tensor.colours, tensor.divide) == ("RGB", (255.0, 255.0, 255.0))


@pytest.mark.parametrize(
    ("stated", "crop"),
    [
        ({"ResizeMethod": "Stretch", "CropMethod": "NoCrop"}, None),
        ({"CropMethod": "OneCropCenter", "CropWidth": "224", "TargetWidth": "256"}, 0.875),
        ({"CropMethod": "OneCropCenter", "CropWidth": "x"}, 1.0),
        ({"CropMethod": "FullImageShorterSide", "CropWidth": "0"}, 1.0),
    ],
)
def test_how_pictures_are_cut_is_read(
    tmp_path: Path, stated: dict[str, str], crop: float | None
) -> None:
    facts = {**PREPROCESS, **{f"CustomVision.Preprocess.{key}": stated[key] for key in stated}}
    path = exported(tmp_path, metadata_properties_json=json.dumps(facts))
    make_pack(str(path), tmp_path / "pack", PackOptions())
    assert read_pack(tmp_path / "pack").input.crop == crop


def test_several_labels_a_picture_make_independent_classes(tmp_path: Path) -> None:
    facts = {**PREPROCESS, "CustomVision.Postprocess.Method": "ClassificationMultiLabel"}
    path = exported(
        tmp_path,
        metadata_properties_json=json.dumps(facts),
        model_onnx=with_metadata(of_bytes("Sigmoid"), **BYTES),
    )
    make_pack(str(path), tmp_path / "pack", PackOptions())
    assert read_pack(tmp_path / "pack").threshold == 0.5


MEANS = {**PREPROCESS, "CustomVision.Preprocess.NormalizeMean": "[123, 117, 104]"}
WRONG: dict[str, tuple[dict[str, str | bytes | None], str]] = {
    "objects": (
        {"cvexport_manifest": json.dumps({**MANIFEST, "DomainType": "ObjectDetection"})},
        "is a Custom Vision export for object detection",
    ),
    "for TensorFlow": (
        {
            "cvexport_manifest": json.dumps({**MANIFEST, "Platform": "TensorFlow"}),
            "model_onnx": None,
            "model_pb": b"x",
        },
        "is a Custom Vision export for TensorFlow: export it as ONNX",
    ),
    "no network": ({"model_onnx": None}, "is a Custom Vision export without its ONNX file"),
    "one label less": ({"labels_txt": "one\ntwo"}, "there are 2 of them, the network has 3"),
    "no labels": ({"labels_txt": None}, "has 3 outputs: name its classes with --classes"),
    "empty labels": ({"labels_txt": "\n"}, "names no classes"),
    "a blank label": ({"labels_txt": "one\n\ntwo"}, "class 1 has no printable name"),
    "labels of bytes": ({"labels_txt": b"\xff\xfe"}, "is not text in UTF-8"),
    "no JSON": ({"cvexport_manifest": "{"}, "cvexport.manifest is not valid JSON"),
    "deep JSON": ({"metadata_properties_json": "[" * 99999}, "is not valid JSON"),
    "a list": ({"metadata_properties_json": "[]"}, "metadata_properties.json is not a table"),
    "means": ({"metadata_properties_json": json.dumps(MEANS)}, "--scaling is needed"),
    "labels elsewhere": (
        {"cvexport_manifest": json.dumps({**MANIFEST, "LabelFileName": "/etc/passwd"})},
        "has 3 outputs: name its classes",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, kind: str) -> None:
    """And nothing is left."""
    changes, problem = WRONG[kind]
    path = exported(tmp_path, **changes)
    with pytest.raises((ConfigError, ModelError), match=problem) as caught:
        make_pack(str(path), tmp_path / "pack", PackOptions())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert [each.name for each in tmp_path.iterdir()] == ["0a1b.ONNX.zip"]
