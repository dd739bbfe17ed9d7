import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.packs import SIZE, colour_network, copy_pack, write_pack
from taskworker_classifyimage.classify.catalogue import built_in_packs
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import (
    OnnxClassifier,
)
from taskworker_classifyimage.errors import ModelError

PACKS = built_in_packs()


def picture(red: int, green: int, blue: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((1, SIZE, SIZE, 3), (red, green, blue), dtype=np.uint8)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_every_model_is_as_its_checksum_says_and_ships_its_licence(pack: ModelPack) -> None:
    """Apache-2.0 requires the licence and a notice of what was changed."""
    assert 4e6 < len(pack.read_verified()) < 8e6
    assert "Apache License" in (pack.path / "LICENSE").read_text(encoding="utf-8")
    assert "quantised" in (pack.path / "NOTICE").read_text(encoding="utf-8")


def test_a_model_file_with_one_changed_byte_is_refused(tmp_path: Path) -> None:
    """A damaged or manipulated file is detected before the first picture."""
    folder = copy_pack("EfficientNetLite0", tmp_path)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="is damaged: its SHA-256 is"):
        OnnxClassifier.load(read_pack(folder))


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    """The message names the file."""
    folder = copy_pack("EfficientNetLite0", tmp_path)
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: No such file"):
        OnnxClassifier.load(read_pack(folder))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("colours", ["RGB", "BGR"])
def test_every_way_to_write_a_picture_gives_the_same_answer(
    tmp_path: Path, dtype: str, layout: str, colours: str
) -> None:
    """Type, axes and channels follow the description: blue is blue in all of them."""
    changes: dict[str, Any] = {
        "input__dtype": dtype,
        "input__layout": layout,
        "input__colours": colours,
    }
    if dtype == "float32":
        changes["input__scaling"] = {"subtract": [0, 0, 0], "divide": [20, 20, 20]}
    network = colour_network(dtype=dtype, layout=layout, colours=colours)
    classifier = load_classifier(str(write_pack(tmp_path / "pack", network, **changes)))
    probabilities = classifier.probabilities(picture(20, 40, 100))[0]
    expected = np.exp([1.0, 2.0, 5.0]) / np.exp([1.0, 2.0, 5.0]).sum()
    assert np.abs(probabilities - expected).max() < 1e-6


def test_scaling_is_by_channel(tmp_path: Path) -> None:
    """`subtract` and `divide` follow the order of the colours."""
    scaling = {"subtract": [100, 0, 0], "divide": [1, 10, 100]}
    folder = write_pack(
        tmp_path / "pack",
        colour_network(dtype="float32"),
        input__dtype="float32",
        input__scaling=scaling,
    )
    scores = np.log(load_classifier(str(folder)).probabilities(picture(101, 20, 200))[0])
    assert np.abs((scores - scores[0]) - np.array([0.0, 1.0, 1.0])).max() < 1e-5


def test_a_zip_is_read_without_unpacking_it(tmp_path: Path) -> None:
    """The same pack in one file, which is easier to copy into a lab."""
    folder = write_pack(tmp_path / "pack", colour_network())
    shutil.make_archive(str(tmp_path / "colours"), "zip", folder)
    shutil.rmtree(folder)
    classifier = load_classifier(str(tmp_path / "colours.zip"))
    assert classifier.probabilities(picture(255, 0, 0))[0].argmax() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["colours.zip"]


@pytest.mark.parametrize("member", ["model.onnx", "model.toml"])
def test_a_file_of_absurd_size_is_refused_unread(tmp_path: Path, member: str) -> None:
    """A sparse file of a terabyte takes no disk space, and must not take memory."""
    folder = write_pack(tmp_path / "pack", colour_network())
    os.truncate(folder / member, 2**40)
    with pytest.raises(ModelError, match=rf"{member} has more than \d+ bytes"):
        load_classifier(str(folder))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("member", ["model.onnx", "model.toml"])
def test_a_pipe_in_place_of_a_file_is_refused(tmp_path: Path, member: str) -> None:
    """Opening a pipe would block."""
    folder = write_pack(tmp_path / "pack", colour_network())
    (folder / member).unlink()
    os.mkfifo(folder / member)
    with pytest.raises(ModelError, match=f"{member} is not a regular file"):
        load_classifier(str(folder))


def test_a_zip_that_unpacks_to_more_than_any_description_is_refused(tmp_path: Path) -> None:
    """A zip bomb is recognised before it is unpacked."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.toml", b"#" * 100_000_000)
    with pytest.raises(ModelError, match=r"model\.toml has more than"):
        load_classifier(str(bomb))


@pytest.mark.parametrize("content", [b"no zip at all", b"PK\x03\x04" + bytes(100), b""])
def test_a_file_that_is_no_pack_is_refused(tmp_path: Path, content: bytes) -> None:
    """The path names another kind of file."""
    path = tmp_path / "pack.zip"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is neither a folder nor a zip"):
        load_classifier(str(path))


def test_a_damaged_zip_is_refused_in_one_line(tmp_path: Path) -> None:
    """Flipped bits in compressed data give a message, not a stack trace."""
    folder = write_pack(tmp_path / "pack", colour_network())
    archive = Path(shutil.make_archive(str(tmp_path / "colours"), "zip", folder))
    with zipfile.ZipFile(archive) as intact:
        member = intact.getinfo("model.toml")
    content = bytearray(archive.read_bytes())
    packed = member.header_offset + 30 + len(member.filename)
    content[packed : packed + 40] = b"\xff" * 40
    archive.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.toml cannot be read") as caught:
        load_classifier(str(archive))
    assert "\n" not in str(caught.value)


def test_a_zip_packed_in_a_rare_way_is_refused(tmp_path: Path) -> None:
    """Damaged data in it would raise other errors; the message says what to do."""
    path = tmp_path / "rare.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("model.toml", b"name = 'x'")
    content = bytearray(path.read_bytes())
    content[60:64] = b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.toml is compressed in a rare way; store or"):
        load_classifier(str(path))
