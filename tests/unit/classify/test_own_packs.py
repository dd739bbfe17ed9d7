import os
import pickle
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.packs import SIZE, colour_network, write_pack
from taskworker_classifyimage.classify import load_classifier
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.classify.onnx_session import import_onnxruntime
from taskworker_classifyimage.errors import ModelError


def picture(red: int, green: int, blue: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((1, SIZE, SIZE, 3), (red, green, blue), dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("colours", ["RGB", "BGR"])
def test_every_way_to_write_a_picture_gives_the_same_answer(
    tmp_path: Path, dtype: str, layout: str, colours: str
) -> None:
    """Type, axes and channels as the description says: blue is blue for all of them."""
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
    """What is taken off and divided by follows the order of the colours."""
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
    """The same pack as one file, as it is carried into a lab."""
    folder = write_pack(tmp_path / "pack", colour_network())
    shutil.make_archive(str(tmp_path / "colours"), "zip", folder)
    shutil.rmtree(folder)
    classifier = load_classifier(str(tmp_path / "colours.zip"))
    assert classifier.probabilities(picture(255, 0, 0))[0].argmax() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["colours.zip"]


def test_own_names_fall_back_within_their_own_languages(tmp_path: Path) -> None:
    """A language that the pack lacks gives English, and without English the first there is."""
    pack = load_classifier(str(write_pack(tmp_path / "a", colour_network()))).model
    assert labels_of(pack).resolve("de-CH") == ("de", False)
    assert labels_of(pack).resolve("fr") == ("en", False)
    only_german = {"de": ["Rotes", "Grünes", "Blaues"]}
    folder = write_pack(tmp_path / "b", colour_network(), output__names=only_german)
    labels = labels_of(load_classifier(str(folder)).model)
    assert labels.resolve("fr") == ("de", False)
    folder = write_pack(tmp_path / "c", colour_network(), output__names={})
    labels = labels_of(load_classifier(str(folder)).model)
    assert labels.names(labels.resolve("en")[0])["red"] == "red"


def custom_operator() -> onnx.ModelProto:
    network = colour_network()
    network.graph.node[0].domain = "evil.example"
    network.opset_import.append(helper.make_opsetid("evil.example", 1))
    return network


def external_weights(location: str) -> onnx.ModelProto:
    network = colour_network()
    weights = network.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": "36"}.items():
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    return network


def two_inputs() -> onnx.ModelProto:
    network = colour_network()
    network.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    return network


def one_at_a_time() -> onnx.ModelProto:
    network = colour_network()
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return network


def larger_than_memory() -> onnx.ModelProto:
    """Weights of a petabyte, worked out when the file is loaded."""
    network = colour_network()
    shape = numpy_helper.from_array(np.array([2**24, 2**24], dtype=np.int64), "shape")
    network.graph.initializer.append(shape)
    network.graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["huge"]))
    network.graph.node.insert(1, helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0))
    network.graph.node[-1].output[0] = "before"
    network.graph.node.append(helper.make_node("Add", ["before", "most"], ["logits"]))
    return network


def weights_of_absurd_size() -> onnx.ModelProto:
    """A shape of a petabyte, with 36 bytes behind it."""
    network = colour_network()
    del network.graph.initializer[0].dims[:]
    network.graph.initializer[0].dims.extend([2**24, 2**24])
    return network


def other_format() -> bytes:
    """The same network in ONNX Runtime's own format, which it would read as gladly."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = f"{folder}/model.ort"
        runtime.InferenceSession(colour_network().SerializeToString(), options)
        return Path(options.optimized_model_filepath).read_bytes()


class Payload:
    """What a pickle would do to whoever reads it."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("unpickled",)


HOSTILE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "custom operator": (custom_operator(), {}, "cannot be loaded"),
    "weights elsewhere": (external_weights("../../etc/passwd"), {}, "cannot be loaded"),
    "absolute weights": (external_weights("/etc/passwd"), {}, "cannot be loaded"),
    "weights beside it": (external_weights("weights.bin"), {}, "cannot be loaded"),
    "a pickle": (pickle.dumps(Payload()), {}, "cannot be loaded"),
    "another format": (other_format(), {}, "cannot be loaded"),
    "weights of absurd size": (weights_of_absurd_size(), {}, "cannot be loaded"),
    "larger than memory": (larger_than_memory(), {}, "cannot be loaded|does not run"),
    "empty": (b"", {}, "cannot be loaded"),
    "half a network": (colour_network().SerializeToString()[:150], {}, "cannot be loaded"),
    "two inputs": (two_inputs(), {}, "2 inputs"),
    "wrong type": (colour_network(dtype="float32"), {}, "takes tensor"),
    "wrong layout": (colour_network(layout="NCHW"), {}, "does not run as described"),
    "wrong size": (colour_network(), {"input__size": 17}, "does not run as described"),
    "one at a time": (one_at_a_time(), {}, "does not run as described: .*Got: 2 Expected: 1"),
    "wrong checksum": (colour_network(), {"sha256": "0" * 64}, "is damaged"),
    "too many outputs": (colour_network(outputs=4), {}, r"answers with \(2, 4\), not \(2, 3\)"),
    "not probabilities": (colour_network(), {"output__kind": "probabilities"}, "sum to"),
    "too few outputs": (
        colour_network(),
        {"output__classes": "ILSVRC2012"},
        r"answers with \(2, 3\), not \(2, 1000\)",
    ),
    "names too short": (colour_network(), {"output__names": {"de": ["a"]}}, "1 names for 3"),
    "a class twice": (colour_network(), {"output__classes": ["a", "a", "b"]}, "a class twice"),
    "names of no table": (colour_network(), {"output__names": 5}, "names must be a table"),
    "names in a list": (colour_network(), {"output__names": [["de"]]}, "names must be a table"),
    "odd language": (colour_network(), {"output__names": {"x_y": ["a"] * 3}}, "language tag"),
    "absurd size": (colour_network(), {"input__size": 10**9}, "input.size must be from"),
    "no name": (colour_network(), {"name": ""}, "name must be"),
    "name with newline": (colour_network(), {"name": "a\nb"}, "name must be"),
    "division by zero": (
        colour_network(dtype="float32"),
        {"input__dtype": "float32", "input__scaling": {"subtract": [0] * 3, "divide": [0] * 3}},
        "must not be 0",
    ),
    "scaling beyond floats": (
        colour_network(dtype="float32"),
        {
            "input__dtype": "float32",
            "input__scaling": {"subtract": [10**400, 0, 0], "divide": [1] * 3},
        },
        "scaling.subtract must be three numbers",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pack_is_refused_in_one_line(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, before the first picture, without touching a file that is not the pack's."""
    network, changes, problem = HOSTILE[kind]
    folder = write_pack(tmp_path / "pack", network, **changes)
    # Where the pack lies, and where the program was started: no file is to be found by its name.
    (folder / "weights.bin").write_bytes(bytes(36))
    monkeypatch.chdir(folder)
    with pytest.raises(ModelError, match=problem) as caught:
        load_classifier(str(folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.onnx",
        "model.toml",
        "weights.bin",
    ]


def test_a_number_of_thousands_of_digits_is_refused_in_one_line(tmp_path: Path) -> None:
    """Python reads no such number, and says so in an error of its own."""
    folder = write_pack(tmp_path / "pack", colour_network())
    description = folder / "model.toml"
    text = description.read_text(encoding="utf-8")
    description.write_text(text.replace("size = 16", f"size = {'9' * 5000}"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.toml is no TOML: .*5000 digits") as caught:
        load_classifier(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("member", ["model.onnx", "model.toml"])
def test_a_file_of_absurd_size_is_refused_unread(tmp_path: Path, member: str) -> None:
    """A terabyte of nothing costs no disk, and here no memory either."""
    folder = write_pack(tmp_path / "pack", colour_network())
    os.truncate(folder / member, 2**40)
    with pytest.raises(ModelError, match=rf"{member} has more than \d+ bytes"):
        load_classifier(str(folder))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("member", ["model.onnx", "model.toml"])
def test_what_is_no_file_is_refused(tmp_path: Path, member: str) -> None:
    """A pipe would be waited for without end."""
    folder = write_pack(tmp_path / "pack", colour_network())
    (folder / member).unlink()
    os.mkfifo(folder / member)
    with pytest.raises(ModelError, match=f"{member} is no file"):
        load_classifier(str(folder))


def test_a_zip_that_unpacks_to_more_than_any_description_is_refused(tmp_path: Path) -> None:
    """A bomb is recognised before it goes off."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.toml", b"#" * 100_000_000)
    with pytest.raises(ModelError, match=r"model\.toml has more than"):
        load_classifier(str(bomb))


@pytest.mark.parametrize("content", [b"no zip at all", b"PK\x03\x04" + bytes(100), b""])
def test_what_is_no_pack_is_refused(tmp_path: Path, content: bytes) -> None:
    """A path that leads to something else."""
    path = tmp_path / "pack.zip"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is no folder and no zip"):
        load_classifier(str(path))


def test_a_damaged_zip_is_refused_in_one_line(tmp_path: Path) -> None:
    """A flipped bit in what is packed: no stack trace of the unpacker."""
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
    """Its damage would be an error that nobody expects; the way out is said."""
    path = tmp_path / "rare.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("model.toml", b"name = 'x'")
    content = bytearray(path.read_bytes())
    content[60:64] = b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.toml is packed in a rare way; store or deflate"):
        load_classifier(str(path))
