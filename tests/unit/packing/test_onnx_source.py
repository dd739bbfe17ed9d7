import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.packs import IDS, SIZE, colour_network, fixed_network, labelling_network, with_metadata
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.catalogue import built_in_packs
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions, Scaling
from taskworker_classifyimage.packing.onnx_reading import OnnxFacts, read_facts
from taskworker_classifyimage.packing.onnx_source import open_onnx

CLASSES = OwnClasses(tuple(IDS), {"de": ("Rotes", "Grünes", "Blaues")})
OURS = PackOptions(classes=CLASSES)
UNIT = PackOptions(classes=CLASSES, scaling=SCALINGS["0..1"])


def saved(folder: Path, network: onnx.ModelProto) -> Path:
    path = folder / "our things.onnx"
    path.write_bytes(network.SerializeToString())
    return path


def followed_by(kind: str, **attributes: Any) -> onnx.ModelProto:
    """The colour network with another operator behind it."""
    network = colour_network()
    network.graph.node[-1].output[0] = "before"
    network.graph.node.append(helper.make_node(kind, ["before"], ["logits"], **attributes))
    return network


def with_input(*shape: int | str, kind: int = TensorProto.UINT8) -> onnx.ModelProto:
    """The colour network, said to take something else."""
    network = colour_network()
    network.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", kind, shape))
    return network


def test_a_network_of_bytes_is_packed_as_it_is(tmp_path: Path) -> None:
    """The same file, its checksum, the user's options, and defaults for the rest."""
    path = saved(tmp_path, colour_network())
    compared = make_pack(str(path), tmp_path / "pack", OURS, [])
    assert (compared.pictures, compared.same_best) == (20, 20)
    assert compared.largest < 1e-6
    assert (tmp_path / "pack" / "model.onnx").read_bytes() == path.read_bytes()
    model = load_classifier(str(tmp_path / "pack")).model
    assert (model.name, model.version, model.licence) == ("our-things", "1", "not stated")
    assert model.classes == CLASSES
    assert (model.input.size, model.input.crop, model.input.resize) == (SIZE, 0.875, "bicubic")


def test_floats_channels_first_blue_first_are_described_so(tmp_path: Path) -> None:
    """The layout is read from the file, colours and scaling come from the user."""
    network = colour_network(dtype="float32", layout="NCHW", colours="BGR")
    options = PackOptions(
        classes=CLASSES, scaling=SCALINGS["0..1"], colours="BGR", crop="none", kind="logits"
    )
    make_pack(str(saved(tmp_path, network)), tmp_path / "pack", options, [])
    classifier = load_classifier(str(tmp_path / "pack"))
    assert classifier.model.input.crop is None
    blue = np.full((1, SIZE, SIZE, 3), (0, 0, 255), dtype=np.uint8)
    expected = np.exp([0, 0, 1]) / np.exp([0, 0, 1]).sum()
    assert np.abs(classifier.probabilities(blue)[0] - expected).max() < 1e-6


@pytest.mark.parametrize("colours", ["RGB", "BGR"])
def test_scaling_is_of_red_green_and_blue_whatever_the_order(
    tmp_path: Path, colours: Literal["RGB", "BGR"]
) -> None:
    """A mean of red that is taken off blue makes wrong answers, and nobody would see it."""
    network = colour_network(dtype="float32", layout="NCHW", colours=colours)
    scaling = Scaling((100.0, 50.0, 0.0), (1.0, 2.0, 4.0))
    options = PackOptions(classes=CLASSES, scaling=scaling, colours=colours, kind="logits")
    path = saved(tmp_path, network)
    red, green, blue = 110, 60, 40
    picture = np.full((4, SIZE, SIZE, 3), (red, green, blue), dtype=np.uint8)
    shades = np.array([(red - 100) / 1, (green - 50) / 2, (blue - 0) / 4], np.float64)
    # The source's own answer, with which the pack's is compared.
    assert np.abs(open_onnx(path, options).scores(picture)[0] - shades).max() < 1e-3
    make_pack(str(path), tmp_path / "pack", options, [])
    found = load_classifier(str(tmp_path / "pack")).probabilities(picture)[0]
    assert np.abs(found - np.exp(shades) / np.exp(shades).sum()).max() < 1e-3
    written = (tmp_path / "pack" / "model.toml").read_text("utf-8")
    assert f"by channel in the order of colours: {colours}" in written


@pytest.mark.parametrize("pack", built_in_packs(), ids=lambda pack: str(pack.name))
def test_a_network_of_8_bits_has_a_tolerance_of_its_own(tmp_path: Path, pack: ModelPack) -> None:
    """Each library and processor rounds it differently; all three built-in ones were refused."""
    compared = make_pack(str(pack.path / "model.onnx"), tmp_path / "pack", PackOptions(), [])
    assert (compared.allowed, compared.pictures) == (0.1, 20)
    assert compared.largest < 0.1


def test_a_zip_is_made_where_the_name_says_so(tmp_path: Path) -> None:
    """One file to carry, ready to be used."""
    path = saved(tmp_path, colour_network())
    make_pack(str(path), tmp_path / "ours.zip", OURS, [])
    assert zipfile.ZipFile(tmp_path / "ours.zip").namelist() == ["model.onnx", "model.toml"]
    assert load_classifier(str(tmp_path / "ours.zip")).model.classes == CLASSES


def test_a_network_that_ends_in_a_softmax_gives_probabilities(tmp_path: Path) -> None:
    """What the scores are is seen from real pictures."""
    path = saved(tmp_path, followed_by("Softmax", axis=1))
    make_pack(str(path), tmp_path / "pack", OURS, [])
    assert 'kind = "probabilities"' in (tmp_path / "pack" / "model.toml").read_text("utf-8")


def test_photos_are_compared_on_and_other_files_left_out(tmp_path: Path) -> None:
    """A folder holds more than pictures; one that holds none is refused."""
    path = saved(tmp_path, colour_network())
    with pytest.raises(ConfigError, match="no picture"):
        make_pack(str(path), tmp_path / "pack", OURS, [path])
    sample = Path(__file__).parents[3] / "src/taskworker_classifyimage/data/sample/espresso.jpg"
    assert make_pack(str(path), tmp_path / "pack", OURS, [path, sample]).pictures == 21


def sized(size: int) -> PackOptions:
    return PackOptions(classes=CLASSES, size=size)


def two_outputs() -> onnx.ModelProto:
    network = colour_network()
    network.graph.output.add().name = "means"
    return network


def no_numbers() -> onnx.ModelProto:
    """Negative means have no logarithm."""
    network = followed_by("Log")
    network.graph.initializer[0].raw_data = (-np.eye(3, dtype=np.float32)).tobytes()
    return network


def built_for_one() -> onnx.ModelProto:
    """A network that joins something of one picture, as transformers without a free batch do."""
    network = fixed_network()
    graph = network.graph
    graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1), np.float32), "token"))
    graph.node.insert(2, helper.make_node("Concat", ["token", "features"], ["joined"], axis=1))
    graph.initializer.append(numpy_helper.from_array(np.eye(4, 3, dtype=np.float32), "weights"))
    graph.node.insert(3, helper.make_node("MatMul", ["joined", "weights"], ["mixed"]))
    next(node for node in graph.node if node.op_type == "Mul").input[0] = "mixed"
    return network


REFUSED: dict[str, tuple[onnx.ModelProto | bytes, PackOptions, str]] = {
    "no classes": (colour_network(), PackOptions(), "has 3 outputs: name its classes"),
    "classes for another": (colour_network(outputs=4), OURS, "3 of them, the network has 4"),
    "scaling missing": (colour_network(dtype="float32"), OURS, "--scaling is needed"),
    "scaling of bytes": (colour_network(), UNIT, "takes the bytes"),
    "doubles": (with_input("N", 8, 8, 3, kind=TensorProto.DOUBLE), OURS, r"takes tensor\(double\)"),
    "another size": (colour_network(), sized(17), "takes 16 x 16"),
    "any size": (with_input("N", "H", "W", 3), OURS, "with --size"),
    "no size": (with_input("N", "H", "W", 3), sized(0), "from 8 to 4096 pixels, not 0"),
    "absurd size": (with_input("N", 99999, 99999, 3), OURS, "from 8 to 4096 pixels, not 99999"),
    "not square": (with_input("N", 8, 16, 3), OURS, "not square"),
    "two at a time": (with_input(2, SIZE, SIZE, 3), OURS, "free first dimension"),
    "built for one": (built_for_one(), UNIT, "one picture at a time, and that is built into it"),
    "no channels": (with_input("N", SIZE, SIZE, "C"), OURS, "not pictures of three channels"),
    "two outputs": (two_outputs(), OURS, "not one output with a score for each class"),
    "independent or logits": (followed_by("HardSigmoid"), OURS, "do not sum to 1"),
    "not a row each": (followed_by("ReduceMax", axes=[1], keepdims=0), OURS, "not a row each"),
    "no numbers": (no_numbers(), OURS, "NaN or infinite scores"),
    "dice": (followed_by("RandomNormalLike", scale=9.0), OURS, "differ from the source's by up to"),
    "no name": (colour_network(), PackOptions(classes=CLASSES, name="a b"), "name must be"),
    "no network": (b"no network", OURS, "cannot be loaded"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_pack_can_hold_is_refused_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    """One line that says what is wrong, and no folder, whole or half."""
    network, options, problem = REFUSED[kind]
    content = network if isinstance(network, bytes) else network.SerializeToString()
    path = tmp_path / "network.onnx"
    path.write_bytes(content)
    with pytest.raises((ConfigError, ModelError), match=problem) as caught:
        make_pack(str(path), tmp_path / "pack", options, [])
    assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["network.onnx"]


def test_signed_8_bit_weights_are_packed_on_every_processor(tmp_path: Path) -> None:
    """Without VNNI, sums of their products overflow in ONNX Runtime unless told otherwise."""
    path = saved(tmp_path, eight_bit_network())
    options = PackOptions(classes=CLASSES, kind="logits")
    assert make_pack(str(path), tmp_path / "pack", options, []).largest < 1e-6
    white = np.full((1, SIZE, SIZE, 3), 255, np.uint8)
    found = load_classifier(str(tmp_path / "pack")).probabilities(white)[0]
    expected = np.exp([3, 2, 1]) / np.exp([3, 2, 1]).sum()
    assert np.abs(found - expected).max() < 0.01


def eight_bit_network() -> onnx.ModelProto:
    """A product of bytes and large signed weights, whose logits for white are about 3, 2 and 1."""
    inputs = SIZE * SIZE * 3
    weights = np.tile(np.array([120, 80, 40], np.int8), (inputs, 1))
    constants = {
        "shape": np.array([0, -1]),
        "weights": weights,
        "one": np.float32(1),
        "zero": np.uint8(0),
        "signed zero": np.int8(0),
        "step": np.float32(inputs * 120),
        "gain": np.float32(3 / (inputs * 120 * 255)),
    }
    scales = ["flat", "one", "zero", "weights", "one", "signed zero", "step", "zero"]
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["image", "shape"], ["flat"]),
            helper.make_node("QLinearMatMul", scales, ["sums"]),
            helper.make_node("DequantizeLinear", ["sums", "step", "zero"], ["scores"]),
            helper.make_node("Mul", ["scores", "gain"], ["logits"]),
        ],
        "8 bits",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """A pack in use stays as it is; the refusal comes before the work."""
    (tmp_path / "pack").mkdir()
    with pytest.raises(ConfigError, match="is there already"):
        make_pack("no-such.onnx", tmp_path / "pack", OURS, [])
    with pytest.raises(ConfigError, match="there is no folder"):
        make_pack("no-such.onnx", tmp_path / "deep" / "pack", OURS, [])
    with pytest.raises(ConfigError, match=r"there is no file no-such\.onnx"):
        make_pack("no-such.onnx", tmp_path / "other", OURS, [])


def test_weights_in_another_file_are_not_followed(tmp_path: Path) -> None:
    """They would escape the checksum, wherever they lie."""
    network = colour_network()
    weights = network.graph.initializer[0]
    (tmp_path / "weights.bin").write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    with pytest.raises(ModelError, match=r"has its weights in another file.* onnx\.save") as caught:
        make_pack(str(saved(tmp_path, network)), tmp_path / "pack", OURS, [])
    assert "\n" not in str(caught.value)


def with_map(scores: str) -> onnx.ModelProto:
    """A network that also gives a label, and its scores as a map, as old exports of Azure do."""
    network = fixed_network()
    graph = network.graph
    del graph.output[:]
    graph.node.append(
        helper.make_node("ZipMap", [scores], ["loss"], domain="ai.onnx.ml", classlabels_strings=IDS)
    )
    graph.node.append(helper.make_node("ArgMax", [scores], ["classLabel"], axis=1))
    score = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.STRING, score))
    graph.output.append(helper.make_value_info("loss", maps))
    graph.output.append(helper.make_tensor_value_info("classLabel", TensorProto.INT64, [1, 1]))
    network.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    return network


CHANGED = {
    "one picture": fixed_network(),
    "float16": fixed_network(dtype=TensorProto.FLOAT16, batch="N"),
    "one of float16": fixed_network(dtype=TensorProto.FLOAT16),
    "a map": with_map("output0"),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_a_network_is_changed_where_a_pack_could_not_hold_it(tmp_path: Path, kind: str) -> None:
    """Exactly: the answers to several pictures at once are those of the source."""
    options = PackOptions(classes=CLASSES, scaling=SCALINGS["0..1"])
    made = make_pack(str(saved(tmp_path, CHANGED[kind])), tmp_path / "pack", options, [])
    assert made.largest < 1e-3 if "16" in kind else 1e-6
    red = np.full((3, SIZE, SIZE, 3), (255, 0, 0), np.uint8)
    found = load_classifier(str(tmp_path / "pack")).probabilities(red)
    assert np.abs(found - np.exp([4, 0, 0]) / np.exp([4, 0, 0]).sum()).max() < 2e-3


def test_a_sigmoid_at_the_end_makes_independent_classes(tmp_path: Path) -> None:
    """Whatever the scores look like; no flag is needed."""
    network = fixed_network(last="Sigmoid")
    options = PackOptions(classes=CLASSES, scaling=SCALINGS["0..1"])
    make_pack(str(saved(tmp_path, network)), tmp_path / "pack", options, [])
    model = load_classifier(str(tmp_path / "pack")).model
    assert model.threshold == 0.5


def test_one_sigmoid_for_two_classes_is_shared_between_them(tmp_path: Path) -> None:
    """As many networks for "cats or dogs" end: it is the probability of the second class."""
    path = saved(tmp_path, labelling_network(outputs=1))
    options = PackOptions(classes=OwnClasses(("blank", "red"), {}))
    made = make_pack(str(path), tmp_path / "pack", options, [])
    assert "one output is the probability of 'red'" in made.remarks[-1]
    assert made.largest < 1e-6
    classifier = load_classifier(str(tmp_path / "pack"))
    assert classifier.model.threshold is None
    red = np.full((2, SIZE, SIZE, 3), (200, 0, 0), np.uint8)
    assert np.abs(classifier.probabilities(red) - (0.0266, 0.9734)).max() < 1e-3


def test_one_sigmoid_for_one_class_is_independent(tmp_path: Path) -> None:
    path = saved(tmp_path, labelling_network(outputs=1))
    make_pack(str(path), tmp_path / "pack", PackOptions(classes=OwnClasses(("red",), {})), [])
    assert load_classifier(str(tmp_path / "pack")).model.threshold == 0.5


@pytest.mark.parametrize("cut", [1, 40, 200, -1])
def test_a_damaged_file_says_nothing_of_itself(cut: int) -> None:
    """Reading stops where it ends; the library tells what is wrong."""
    whole = with_metadata(fixed_network(), task="classify")
    assert read_facts(whole) == OnnxFacts({"task": "classify"}, "Softmax")
    assert read_facts(whole[:cut]).metadata == {}
    assert read_facts(bytes(range(256))) == OnnxFacts({}, "")
