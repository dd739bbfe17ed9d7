import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from taskworker_classifyimage.classify.catalogue import built_in_packs, find_pack
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.errors import ConfigError, ModelError

PACKS = built_in_packs()


def copy_of(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(find_pack(name).path, folder / name))


def test_the_three_models_are_there() -> None:
    """What the README promises."""
    assert [pack.name for pack in PACKS] == [
        "EfficientNetLite0",
        "EfficientNetLite1",
        "EfficientNetLite2",
    ]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_every_model_is_as_its_checksum_says_and_ships_its_licence(pack: ModelPack) -> None:
    """Weights under Apache-2.0 travel with the licence and a notice of what was changed."""
    assert 4e6 < len(pack.read_verified()) < 8e6
    assert "Apache License" in (pack.path / "LICENSE").read_text(encoding="utf-8")
    assert "quantised" in (pack.path / "NOTICE").read_text(encoding="utf-8")


def test_an_unknown_model_is_refused_with_those_that_are_there() -> None:
    """A typing error is answered with the right names."""
    with pytest.raises(ConfigError, match=r"'EfficientNet' is not there; there are .*Lite2"):
        find_pack("EfficientNet")


def test_a_model_file_with_one_changed_byte_is_refused(tmp_path: Path) -> None:
    """A damaged disk or a meddler is found before the first picture."""
    folder = copy_of("EfficientNetLite0", tmp_path)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="is damaged: its SHA-256 is"):
        OnnxClassifier(read_pack(folder)).load()


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    """The operator sees which file."""
    folder = copy_of("EfficientNetLite0", tmp_path)
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: No such file"):
        OnnxClassifier(read_pack(folder)).load()


@pytest.mark.parametrize(
    ("line", "instead", "problem"),
    [
        ("sha256 =", 'sha256 = "abc"', "sha256 must be 64"),
        ("sha256 =", "", "sha256 is missing"),
        ("size =", "size = 3", "input.size must be"),
        ("size =", 'size = "260"', "input.size must be a number"),
        ("crop =", "crop = 2.0", "input.crop must be"),
        ("layout =", 'layout = "CHWN"', "input.layout must be one of 'NHWC', 'NCHW'"),
        ("classes =", 'classes = "own"', "output.classes must be a list"),
        ("name =", 'name = "../x"', "name must be"),
        ("name =", "name = ", "is no TOML"),
    ],
)
def test_a_wrong_description_is_refused_by_key(
    tmp_path: Path, line: str, instead: str, problem: str
) -> None:
    """The message names the file, the key and what is wrong with it."""
    folder = copy_of("EfficientNetLite0", tmp_path)
    path = folder / "model.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = [instead if old.startswith(line) else old for old in lines]
    assert changed != lines
    path.write_text("\n".join(changed), encoding="utf-8")
    with pytest.raises(ModelError, match=problem):
        read_pack(folder)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_a_picture_gets_the_same_bits_in_any_batch(pack: ModelPack) -> None:
    """What else is in flight changes no digit of an answer."""
    classifier = OnnxClassifier(pack)
    classifier.load()
    size = pack.input.size
    images = np.random.default_rng(1).integers(0, 256, (5, size, size, 3), dtype=np.uint8)
    together = classifier.probabilities(images)
    alone = np.concatenate([classifier.probabilities(image[None]) for image in images])
    assert (together == alone).all()


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_sums_do_not_saturate_on_this_cpu(pack: ModelPack) -> None:
    """The kernel that cannot saturate gives the same bits as the one that a plain model could."""
    size = pack.input.size
    noise = np.random.default_rng(2).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    board = (np.indices((size, size)).sum(axis=0) % 2 * 255).astype(np.uint8)
    images = np.concatenate([noise, np.broadcast_to(board[None, :, :, None], noise.shape)])
    assert pack.saturation_safe
    answers = []
    for claim in (True, False):
        classifier = OnnxClassifier(dataclasses.replace(pack, saturation_safe=claim))
        classifier.load()
        answers.append(classifier.probabilities(images))
    assert (answers[0] == answers[1]).all()


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A pack whose description does not fit its network fails at load, not at the first task."""
    folder = copy_of("EfficientNetLite0", tmp_path)
    path = folder / "model.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("size = 224", "size = 9"), encoding="utf-8"
    )
    with pytest.raises(ModelError, match="does not run"):
        OnnxClassifier(read_pack(folder)).load()
