import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from support.clean_process import without_libraries
from support.keras_2_files import layer, save_transfer_learning, sequential
from support.keras_files import keras, skip_without_tensorflow
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.comparison import load_pictures
from taskworker_classifyimage.packing.libraries import quiet_libraries
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions, Scaling

pytestmark = pytest.mark.large

CLASSES = OwnClasses(("cup", "plate", "fork"), {})
SIDE = 64
PICTURES = load_pictures(InputSpec(SIDE, 0.875), []).pixels


@pytest.fixture(autouse=True)
def libraries() -> None:
    skip_without_tensorflow()


def small_model(*more: Any) -> Any:
    """Every kind of layer that an export simplifies, with weights that tell pictures apart."""
    layers = keras().layers
    with quiet_libraries():
        keras().utils.set_random_seed(7)
        model = keras().Sequential(
            [
                layers.Input((SIDE, SIDE, 3)),
                layers.Normalization(mean=[100.0, 110.0, 120.0], variance=[400.0, 900.0, 1600.0]),
                layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
                layers.BatchNormalization(momentum=0.0),
                *more,
                layers.DepthwiseConv2D(5, padding="same"),
                layers.Conv2D(8, 3, groups=4, padding="same"),
                layers.Activation("hard_swish"),
                layers.Activation("gelu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, kernel_initializer=keras().initializers.RandomNormal(stddev=9)),
            ]
        )
        # Batch norms take over the statistics of these pictures, so that no layer dies out.
        model(PICTURES.astype(np.float32), training=True)
    return model


def answers(model: Any, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with quiet_libraries():
        scores = np.asarray(model(pixels.astype(np.float32), training=False), np.float64)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_pack_answers_as_the_model_file_where_keras_is_not(tmp_path: Path, suffix: str) -> None:
    """Both of Keras' formats; a process without any of the libraries gives the same answers."""
    model, path = small_model(), tmp_path / f"ours{suffix}"
    with quiet_libraries():
        model.save(path)
    options = PackOptions(classes=CLASSES, scaling=SCALINGS["none"])
    compared = make_pack(str(path), tmp_path / "pack", options, [])
    assert compared.largest < 1e-4
    found = without_libraries(tmp_path / "pack", PICTURES)
    expected = answers(model, PICTURES)
    assert np.ptp(expected, axis=0).max() > 0.1, "the network tells no pictures apart"
    assert np.abs(found - expected).max() < 1e-4


def test_scaling_and_colours_go_into_the_graph(tmp_path: Path) -> None:
    """The pack takes bytes; the network sees what it was trained to see."""
    model, path = small_model(), tmp_path / "ours.keras"
    with quiet_libraries():
        model.save(path)
    scaling = Scaling((10.0, 20.0, 30.0), (0.5, 1.0, 2.0))
    make_pack(
        str(path),
        tmp_path / "pack",
        PackOptions(classes=CLASSES, scaling=scaling, colours="BGR", kind="logits"),
        [],
    )
    description = (tmp_path / "pack" / "model.toml").read_text("utf-8")
    assert 'dtype = "uint8"' in description
    assert 'scaling = "none"' in description
    found = without_libraries(tmp_path / "pack", PICTURES)
    seen = (PICTURES[..., ::-1] - np.array([10.0, 20.0, 30.0])) / np.array([0.5, 1.0, 2.0])
    assert np.abs(found - answers(model, seen)).max() < 1e-4


def test_the_graph_has_no_detours(tmp_path: Path) -> None:
    """Transposed as bytes; batch norms folded; hard sigmoids fused; ONNX's own operators only."""
    path = tmp_path / "ours.keras"
    with quiet_libraries():
        small_model().save(path)
    options = PackOptions(classes=CLASSES, scaling=SCALINGS["imagenet"])
    make_pack(str(path), tmp_path / "pack", options, [])
    network = onnx.load(tmp_path / "pack" / "model.onnx")
    onnx.checker.check_model(network, full_check=True)
    assert [node.op_type for node in network.graph.node][:3] == ["Transpose", "Cast", "Sub"]
    kinds = Counter(node.op_type for node in network.graph.node)
    assert kinds["HardSigmoid"] == 1
    assert kinds["Transpose"] <= 2
    assert not {"BatchNormalization", "Clip", "Div"} & set(kinds)
    assert {opset.domain for opset in network.opset_import} == {""}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_in_a_model_file_is_refused_and_not_run(tmp_path: Path, suffix: str) -> None:
    """A Lambda layer carries Python code; packing would run whatever it says."""
    path = tmp_path / f"evil{suffix}"
    code = f"lambda values: (__import__('os').mkdir({str(tmp_path / 'has-run')!r}), values)[1]"
    with quiet_libraries():
        model = small_model(keras().layers.Lambda(eval(code), output_shape=lambda shape: shape))
        model.save(path)
    (tmp_path / "has-run").rmdir()
    options = PackOptions(classes=CLASSES, scaling=SCALINGS["none"])
    with pytest.raises(ModelError, match=r"has code in it \(Lambda\)") as caught:
        make_pack(str(path), tmp_path / "pack", options, [])
    assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_is_no_model_file_is_refused(tmp_path: Path, suffix: str) -> None:
    """A pickle, a zip of something else: one line, nothing unpickled, nothing left."""
    path = tmp_path / f"ours{suffix}"
    options = PackOptions(classes=CLASSES, scaling=SCALINGS["none"])
    path.write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(ModelError, match="is a pickle"):
        make_pack(str(path), tmp_path / "pack", options, [])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", '{"module": "os", "class_name": "system", "config": "id"}')
    with pytest.raises(ModelError, match=r"cannot be loaded|has a system, which Keras"):
        make_pack(str(path), tmp_path / "pack", options, [])


def test_a_model_of_something_else_than_pictures_is_refused(tmp_path: Path) -> None:
    """Three channels at last, square; the message shows what it takes."""
    path = tmp_path / "ours.keras"
    layers = keras().layers
    with quiet_libraries():
        keras().Sequential([layers.Input((20,)), layers.Dense(3)]).save(path)
    with pytest.raises(ModelError, match=r"takes \(None, 20\), not square pictures"):
        make_pack(str(path), tmp_path / "pack", PackOptions(), [])


def test_what_keras_3_does_not_know_of_keras_2_is_put_right(tmp_path: Path) -> None:
    """In a copy; the file's scaling is inside, so it needs no flag, and one would be wrong."""
    path = tmp_path / "ours.h5"
    network = save_transfer_learning(path, SIDE)
    content = path.read_bytes()
    made = make_pack(str(path), tmp_path / "pack", PackOptions(classes=CLASSES))
    assert made.largest < 1e-5
    found = without_libraries(tmp_path / "pack", PICTURES)
    expected = answers(network, PICTURES)
    assert np.ptp(expected, axis=0).max() > 0.1, "the network tells no pictures apart"
    assert np.abs(found - expected).max() < 1e-5
    assert path.read_bytes() == content
    signed = PackOptions(classes=CLASSES, scaling=SCALINGS["signed"])
    with pytest.raises(ConfigError, match="--scaling: Keras file says none"):
        make_pack(str(path), tmp_path / "other", signed)


@pytest.mark.parametrize("version", ["2.4.0", "3.15.0"])
@pytest.mark.parametrize(
    ("kind", "module", "problem"),
    [
        ("Lambda", None, r"has code in it \(Lambda\)"),
        ("TFSMLayer", "keras.layers", r"has code in it \(TFSMLayer\)"),
        ("TFOpLambda", None, "has a TFOpLambda, which Keras 3"),
        ("LayerScale", None, "has a LayerScale, which Keras 3"),
        ("ReLU", "os", "has a ReLU, which Keras 3"),
        ("deserialize", "keras.layers", "has a deserialize, which Keras 3"),
    ],
)
def test_layers_that_are_not_kerass_own_are_refused_before_loading(
    tmp_path: Path, version: str, kind: str, module: str | None, problem: str
) -> None:
    """By name, in files of Keras 2, whose loader ran them, and of Keras 3."""
    import h5py  # noqa: PLC0415 - comes with TensorFlow

    path = tmp_path / "evil.h5"
    inside = layer("InputLayer", "in", batch_input_shape=[None, 8, 8, 3])
    evil = layer(kind, "evil") | ({} if module is None else {"module": module})
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(sequential("all", inside, sequential("s", evil)))
        file.attrs["keras_version"] = version
    options = PackOptions(classes=CLASSES, scaling=SCALINGS["none"])
    with pytest.raises(ModelError, match=problem) as caught:
        make_pack(str(path), tmp_path / "pack", options)
    assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["evil.h5"]
