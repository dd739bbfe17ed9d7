"""Folders of Hugging Face's hub with ONNX, and how their processors prepare pictures."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from support.packs import SIZE, fixed_network
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.hugging_face_preprocessing import (
    Preprocessing,
    read_preprocessing,
)
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions, Scaling

NAMES = ("tench, Tinca tinca", 'l\'été "2"', "회색점무늬병")
CONFIG: dict[str, Any] = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    # Sorted as text, "10" would come before "2".
    "id2label": {str(index): NAMES[index] for index in (2, 0, 1)},
    "problem_type": None,
}
PROCESSOR: dict[str, Any] = {
    "image_processor_type": "ViTImageProcessorFast",
    "size": {"height": SIZE, "width": SIZE},
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def network(*, channels: int | str = 3) -> onnx.ModelProto:
    """As optimum exports: logits, and all dimensions free."""
    made = fixed_network(batch="batch_size", last="Identity")
    shape = ["batch_size", channels, *([SIZE, SIZE] if channels == 3 else ["height", "width"])]
    made.graph.input[0].CopyFrom(helper.make_tensor_value_info("images", 1, shape))
    return made


def folder(path: Path, **changes: Any) -> Path:
    """A folder of the hub; `changes` are keys of its tables, or files."""
    hub = path / "some model"
    (hub / "onnx").mkdir(parents=True)
    config = {**CONFIG, **changes.get("config", {})}
    processor = {**PROCESSOR, **changes.get("processor", {})}
    (hub / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (hub / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    (hub / "onnx" / "model.onnx").write_bytes(network(channels="channels").SerializeToString())
    # Beside it lie what others need, and what is not to be taken or loaded.
    (hub / "onnx" / "model_int8.onnx").write_bytes(b"rounded")
    (hub / "pytorch_model.bin").write_bytes(b"\x80\x04pickle")
    (hub / "tf_model.h5").write_bytes(b"\x89HDF")
    for name in changes.get("without", ()):
        (hub / name).unlink()
    return hub


@pytest.fixture(autouse=True)
def library() -> None:
    """The comparison from the files on would read more of the folder."""
    assert find_spec("transformers") is None


def test_a_folder_is_packed_without_a_flag(tmp_path: Path) -> None:
    """From the plain network, whose channels and sides it leaves open; names in their order."""
    made = make_pack(str(folder(tmp_path)), tmp_path / "pack", PackOptions())
    assert made.remarks == ("Taken for: Hugging Face folder with ONNX.",)
    assert made.largest < 1e-6
    pack = read_pack(tmp_path / "pack")
    assert pack.classes == OwnClasses(NAMES, {})
    assert (pack.name, pack.output, pack.input.crop) == ("some-model", "logits", None)
    assert (pack.tensor.layout, pack.tensor.divide) == ("NCHW", (127.5, 127.5, 127.5))
    red = np.full((2, SIZE, SIZE, 3), (255, 0, 0), np.uint8)
    found = load_classifier(str(tmp_path / "pack")).probabilities(red)
    assert np.abs(found - np.exp([8, 0, 0]) / np.exp([8, 0, 0]).sum()).max() < 1e-6


def test_several_labels_a_picture_make_independent_classes(tmp_path: Path) -> None:
    """The sigmoid is outside the network."""
    hub = folder(tmp_path, config={"problem_type": "multi_label_classification"})
    make_pack(str(hub), tmp_path / "pack", PackOptions())
    pack = read_pack(tmp_path / "pack")
    assert (pack.output, pack.threshold) == ("independent-logits", 0.5)


def test_the_newer_table_goes_first(tmp_path: Path) -> None:
    hub = folder(tmp_path)
    newer = {"image_processor": {**PROCESSOR, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}}
    (hub / "processor_config.json").write_text(json.dumps(newer), encoding="utf-8")
    make_pack(str(hub), tmp_path / "pack", PackOptions())
    assert read_pack(tmp_path / "pack").tensor.divide == (255.0, 255.0, 255.0)


def test_a_file_that_is_named_is_taken_with_the_folder_around_it(tmp_path: Path) -> None:
    """Such as one that was rounded; what is beside it says the rest."""
    hub = folder(tmp_path)
    other = hub / "onnx" / "model_int8.onnx"
    other.write_bytes(network().SerializeToString())
    made = make_pack(str(other), tmp_path / "pack", PackOptions())
    assert made.remarks == ("Taken for: Hugging Face folder with ONNX.",)
    assert read_pack(tmp_path / "pack").classes == OwnClasses(NAMES, {})


def test_the_folder_of_a_download_is_as_good(tmp_path: Path) -> None:
    """Where the hub's libraries keep what they have downloaded: the newest of several."""
    cache = tmp_path / "models--lab--things"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("0123abcd", encoding="ascii")
    (cache / "snapshots").mkdir()
    folder(tmp_path).rename(cache / "snapshots" / "0123abcd")
    make_pack(str(cache), tmp_path / "pack", PackOptions())
    assert read_pack(tmp_path / "pack").classes == OwnClasses(NAMES, {})
    (cache / "refs" / "main").write_text("../../elsewhere", encoding="ascii")
    with pytest.raises(ConfigError, match="is no network that is known here"):
        make_pack(str(cache), tmp_path / "other", PackOptions())


TIMM: dict[str, Any] = {
    "architecture": "resnet10t",
    "label_names": list(NAMES),
    "pretrained_cfg": {
        "input_size": [3, SIZE, SIZE],
        "crop_pct": 0.95,
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
    },
}


def test_a_network_of_timm_as_onnx_needs_no_timm(tmp_path: Path) -> None:
    hub = folder(tmp_path)
    (hub / "config.json").write_text(json.dumps(TIMM), encoding="utf-8")
    make_pack(str(hub), tmp_path / "pack", PackOptions())
    pack = read_pack(tmp_path / "pack")
    assert pack.input == InputSpec(SIZE, 0.95, "bicubic")
    assert (pack.tensor.subtract, pack.tensor.divide) == ((127.5,) * 3, (63.75,) * 3)
    assert pack.classes == OwnClasses(NAMES, {})
    for mode in ("squash", "border"):
        stated = {**TIMM["pretrained_cfg"], "crop_mode": mode}
        (hub / "config.json").write_text(json.dumps({**TIMM, "pretrained_cfg": stated}), "utf-8")
        if mode == "squash":
            make_pack(str(hub), tmp_path / mode, PackOptions())
            continue
        with pytest.raises(ConfigError, match=r"--crop is needed: .* crop mode 'border'"):
            make_pack(str(hub), tmp_path / mode, PackOptions())
        make_pack(str(hub), tmp_path / mode, PackOptions(crop="none"))
    spec = read_pack(tmp_path / "squash").input
    assert (spec.crop, spec.is_stretched) == (0.95, True)
    assert read_pack(tmp_path / "border").input.crop is None
    wrong = {**TIMM, "pretrained_cfg": {**TIMM["pretrained_cfg"], "std": [1, 0, 1]}}
    (hub / "config.json").write_text(json.dumps(wrong), encoding="utf-8")
    with pytest.raises(ModelError, match="pretrained_cfg has no sound mean and std"):
        make_pack(str(hub), tmp_path / "other", PackOptions())


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another task": (
        {"config": {"architectures": ["ViTModel"]}},
        r"is \['ViTModel'\], not a network ForImageClassification",
    ),
    "own code": ({"config": {"auto_map": {"AutoModel": "x.Y"}}}, r"needs code of its own"),
    "own processor": ({"processor": {"auto_map": {}}}, r"preprocessor_config.json needs code"),
    "no network": ({"without": ["onnx/model.onnx"]}, r"has no model.onnx or onnx/model.onnx: make"),
    "no processor": ({"without": ["preprocessor_config.json"]}, "has no preprocessor_config.json"),
    "one name less": (
        {"config": {"id2label": {"0": "red", "1": "blue"}}},
        "the source's classes: there are 2 of them, the network has 3",
    ),
    "a gap": ({"config": {"id2label": {"0": "a", "2": "b"}}}, "does not name each class by its"),
    "no numbers": ({"config": {"id2label": {"x": "a"}}}, "has an index that is no number"),
    "no names": (
        {"config": {"id2label": {str(each): f"LABEL_{each}" for each in range(3)}}},
        "has 3 outputs: name its classes with --classes",
    ),
    "unknown processor": (
        {"processor": {"image_processor_type": "ImageGPTImageProcessor"}},
        "is for 'ImageGPT', whose way with pictures no pack can have",
    ),
    "not square": ({"processor": {"size": {"height": 8, "width": 16}}}, "is not square"),
    "rare filter": ({"processor": {"resample": 5}}, "resample 5 is a filter that packs lack"),
    "wrong mean": ({"processor": {"image_mean": [0.5, "x"]}}, "has a wrong value"),
    "no deviation": ({"processor": {"image_std": [0, 1, 1]}}, "image_std holds a 0"),
    "another size": ({"processor": {"size": 9999}}, "from 8 to 4096 pixels, not 9999"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, kind: str) -> None:
    """No code of the folder runs, and nothing is left."""
    changes, problem = WRONG[kind]
    hub = folder(tmp_path, **changes)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((ConfigError, ModelError), match=problem) as caught:
        make_pack(str(hub), tmp_path / "pack", PackOptions())
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_with_a_pickle_alone_is_refused_by_its_name(tmp_path: Path) -> None:
    """It has a description that would do for a safe export of it."""
    hub = folder(tmp_path, without=["onnx/model.onnx", "config.json", "onnx/model_int8.onnx"])
    (hub / "tf_model.h5").unlink()
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle"):
        make_pack(str(hub), tmp_path / "pack", PackOptions())


UNIT, SIGNED = SCALINGS["0..1"], SCALINGS["signed"]
CLIP = Scaling((122.770938, 116.746013, 104.093736), (68.5005327, 66.6321579, 70.3231631))


#: Each was compared with transformers 5.24 on 50 photographs: `models pack` prints how far apart.
@pytest.mark.parametrize(
    ("network_kind", "stated", "expected"),
    [
        ("swin", {}, Preprocessing(224, "none", "bilinear", SIGNED, "RGB")),
        (
            "vit",
            {"feature_extractor_type": "ViTFeatureExtractor", "size": 384, "resample": 3},
            Preprocessing(384, "none", "bicubic", SIGNED, "RGB"),
        ),
        (
            "vit",
            {"do_rescale": False, "image_mean": 127.5, "image_std": [255, 255, 255]},
            Preprocessing(224, "none", "bilinear", Scaling((127.5,) * 3, (255.0,) * 3), "RGB"),
        ),
        ("vit", {"do_normalize": False}, Preprocessing(224, "none", "bilinear", UNIT, "RGB")),
        (
            "resnet",
            {"size": {"shortest_edge": 224}},
            Preprocessing(224, 0.875, "bicubic", SIGNED, "RGB"),
        ),
        ("convnext", {}, Preprocessing(384, "none", "bicubic", SIGNED, "RGB")),
        (
            "dinov2",
            {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}},
            Preprocessing(224, 0.875, "bicubic", CLIP, "RGB"),
        ),
        (
            "levit",
            {"image_processor_type": "LevitImageProcessor"},
            Preprocessing(224, 0.875, "bicubic", SCALINGS["imagenet"], "RGB"),
        ),
        (
            "poolformer",
            {"image_processor_type": "PoolFormerImageProcessor"},
            Preprocessing(224, 224 / 248, "bicubic", SCALINGS["imagenet"], "RGB"),
        ),
        (
            "mobilevit",
            {"feature_extractor_type": "MobileViTFeatureExtractor", "size": 288, "crop_size": 256},
            Preprocessing(256, 256 / 288, "bicubic", UNIT, "BGR"),
        ),
        (
            "efficientnet",
            {"image_processor_type": "EfficientNetImageProcessor", "resample": 3},
            Preprocessing(346, "none", "bicubic", Scaling((127.5,) * 3, (63.75,) * 3), "RGB"),
        ),
        (
            "efficientnet",
            {
                "image_processor_type": "EfficientNetImageProcessor",
                "rescale_factor": 1 / 127.5,
                "rescale_offset": True,
                "do_normalize": False,
            },
            Preprocessing(346, "none", "nearest", SIGNED, "RGB"),
        ),
    ],
)
def test_processors_are_read_with_their_own_defaults(
    network_kind: str, stated: dict[str, Any], expected: Preprocessing
) -> None:
    assert read_preprocessing(stated, network_kind, "table") == expected


def test_a_picture_may_be_stretched_and_then_cut(tmp_path: Path) -> None:
    """As DeiT's are."""
    hub = folder(
        tmp_path,
        config={"model_type": "deit"},
        processor={
            "image_processor_type": "DeiTImageProcessor",
            "size": {"height": 20, "width": 20},
            "crop_size": {"height": SIZE, "width": SIZE},
        },
    )
    make_pack(str(hub), tmp_path / "pack", PackOptions())
    assert read_pack(tmp_path / "pack").input == InputSpec(SIZE, 0.8, "bicubic", is_stretched=True)


def test_what_a_pack_cannot_say_is_refused() -> None:
    """A picture that is padded or keeps its shape."""
    kept = {"image_processor_type": "CLIPImageProcessor"}
    with pytest.raises(ModelError, match="keep their shape"):
        read_preprocessing({**kept, "do_center_crop": False}, "clip", "table")
    with pytest.raises(ModelError, match="crop_size 256 is more than the size 224"):
        read_preprocessing({**kept, "crop_size": 256}, "clip", "table")
