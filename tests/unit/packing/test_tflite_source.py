"""TFLite files are measured by TensorFlow Lite itself, which the pack does not need."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.clean_process import without_libraries
from support.keras_files import skip_without_tensorflow, squares
from support.tflite_files import edited, small_network, to_tflite, with_metadata
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions
from taskworker_classifyimage.packing.tflite_file import read_tflite

pytestmark = pytest.mark.large

SIDE = 32
CLASSES = OwnClasses(("cup", "plate", "fork"), {})
SIGNED = PackOptions(classes=CLASSES, scaling=SCALINGS["signed"])
#: The parts that Teachable Machine's exports have.
LABELS = "0 With Mask\n1 Gray Leaf Spot\n2 Gray Snow Mold\n"


@pytest.fixture(scope="module", autouse=True)
def libraries() -> None:
    skip_without_tensorflow()


@pytest.fixture(scope="module")
def network() -> Any:
    return small_network(SIDE, 3)


@pytest.fixture(scope="module")
def floats(network: Any) -> bytes:
    return to_tflite(network)


@pytest.fixture(scope="module")
def eight_bits(network: Any) -> bytes:
    return to_tflite(network, "uint8")


def answers(network: Any, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    values = pixels.astype(np.float32) / np.float32(127.5) - 1
    return np.concatenate([np.asarray(network(each[np.newaxis])) for each in values])


def test_a_network_of_floats_keeps_its_bias_and_takes_any_number(
    tmp_path: Path, network: Any, floats: bytes
) -> None:
    """tf2onnx forgets the bias without a word; the network was made for one picture at a time."""
    path = tmp_path / "ours.tflite"
    path.write_bytes(floats)
    made = make_pack(str(path), tmp_path / "pack", SIGNED)
    assert made.largest < 1e-5
    pixels = squares(6, SIDE)
    expected = answers(network, pixels)
    assert np.ptp(expected, axis=0).max() > 0.1, "the network tells no pictures apart"
    assert np.abs(without_libraries(tmp_path / "pack", pixels) - expected).max() < 1e-5


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_a_network_of_8_bits_takes_the_bytes_of_a_picture(
    tmp_path: Path, network: Any, eight_bits: bytes, dtype: str
) -> None:
    """It loads as a pack, its scores sum to 1, and it is as near as TensorFlow Lite to itself."""
    path = tmp_path / "ours.tflite"
    path.write_bytes(eight_bits if dtype == "uint8" else to_tflite(network, dtype))
    made = make_pack(str(path), tmp_path / "pack", PackOptions(classes=CLASSES))
    assert made.largest < 0.02
    pixels = squares(6, SIDE)
    found = without_libraries(tmp_path / "pack", pixels)
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-5
    assert np.abs(found - answers(network, pixels)).max() < 0.05
    with pytest.raises(ConfigError, match="--scaling: the network takes the bytes of a picture"):
        make_pack(str(path), tmp_path / "other", SIGNED)


def test_metadata_say_all_that_a_flag_would(tmp_path: Path, floats: bytes) -> None:
    """The scaling and the licence in them, the labels in the zip at the end of the file."""
    path = tmp_path / "ours.tflite"
    path.write_bytes(with_metadata(floats, "cup\nplate\nfork\n", 127.5, 127.5))
    make_pack(str(path), tmp_path / "pack", PackOptions())
    pack = read_pack(tmp_path / "pack")
    assert pack.classes == CLASSES
    assert pack.tensor.subtract == (127.5, 127.5, 127.5)
    assert pack.licence == "Apache License. Version 2.0 http://example.org/"
    with pytest.raises(ConfigError, match="--scaling: TFLite file says signed"):
        make_pack(str(path), tmp_path / "other", PackOptions(scaling=SCALINGS["0..1"]))
    path.write_bytes(with_metadata(floats, "cup\nplate\n", 127.5, 127.5))
    with pytest.raises(ConfigError, match="there are 2 of them, the network has 3 outputs"):
        make_pack(str(path), tmp_path / "other", PackOptions())


def test_a_sigmoid_makes_independent_classes(tmp_path: Path) -> None:
    """The file says so by its last operator."""
    path = tmp_path / "ours.tflite"
    path.write_bytes(to_tflite(small_network(SIDE, 3, activation="sigmoid")))
    make_pack(str(path), tmp_path / "pack", SIGNED)
    assert read_pack(tmp_path / "pack").output == "independent"


def test_exports_of_teachable_machine_need_no_flag(tmp_path: Path) -> None:
    """In floats and in 8 bits: the input's name is the one that it gives."""
    export = small_network(224, 3, "sequential_1_input")
    for dtype, name in ((None, "model_unquant.tflite"), ("uint8", "model.tflite")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(to_tflite(export, dtype))
        (folder / "labels.txt").write_text(LABELS, "utf-8")
        made = make_pack(str(folder), tmp_path / f"pack of {name}", PackOptions())
        assert made.remarks[0] == (
            f"Taken for: TensorFlow Lite export of Teachable Machine, {dtype or 'float32'}."
        )
        assert made.from_files is not None
        pack = read_pack(tmp_path / f"pack of {name}")
        assert pack.classes is not None
        assert pack.classes.ids == ("With Mask", "Gray Leaf Spot", "Gray Snow Mold")
        assert (pack.input.crop, pack.input.resize) == (1.0, "lanczos")


def test_operators_of_others_are_refused_before_loading(tmp_path: Path, floats: bytes) -> None:
    """TensorFlow would run some of them, such as one that writes files."""
    path = tmp_path / "ours.tflite"
    path.write_bytes(_with_operator(floats, b"FlexWriteFile"))
    with pytest.raises(ModelError, match="not TensorFlow Lite's own: FlexWriteFile; export ONNX"):
        make_pack(str(path), tmp_path / "pack", SIGNED)
    path.write_bytes(_with_operator(floats, b"edgetpu-custom-op"))
    with pytest.raises(ModelError, match="edgetpu-custom-op; export it without"):
        make_pack(str(path), tmp_path / "pack", SIGNED)
    assert [each.name for each in tmp_path.iterdir()] == ["ours.tflite"]


def _with_operator(content: bytes, name: bytes) -> bytes:
    def change(model: Any) -> None:
        code = model.operatorCodes[0]
        code.builtinCode = code.deprecatedBuiltinCode = 32
        code.customCode = name

    return edited(content, change)


def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, floats: bytes) -> None:
    """Cut off or with wrong bytes anywhere: it is read, or refused as what it is."""
    path, random = tmp_path / "ours.tflite", np.random.default_rng(1)
    whole = with_metadata(floats, "cup\nplate\nfork\n", 127.5, 127.5)
    cut = [whole[:length] for length in (0, 7, 8, 30, 500, len(whole) // 2)]
    wrong = []
    for _ in range(300):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 40):
            damaged[place] = random.integers(256)
        wrong.append(bytes(damaged))
    problems = set()
    for content in itertools.chain(cut, wrong):
        path.write_bytes(content)
        try:
            read_tflite(path)
        except ModelError as err:
            problems.add(str(err))
    assert any("is no TFLite file" in problem for problem in problems)
    assert any("is a damaged TFLite file" in problem for problem in problems)
    assert not any("\n" in problem for problem in problems)
