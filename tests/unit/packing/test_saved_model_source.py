"""A SavedModel is a program; it is loaded only if all that it can do is compute."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.clean_process import without_libraries
from support.keras_2_files import save_teachable_machine
from support.keras_files import skip_without_tensorflow, squares
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.keras.tensorflow_import import import_tensorflow
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.libraries import quiet_libraries
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions

pytestmark = pytest.mark.large

SIDE = 16
OURS = PackOptions(classes=OwnClasses(("red", "green", "blue"), {}), scaling=SCALINGS["signed"])
Answer = Callable[[Any, Any], Any]


@pytest.fixture(autouse=True, scope="module")
def libraries() -> None:
    skip_without_tensorflow()


def test_an_export_of_teachable_machine_needs_no_flag(tmp_path: Path) -> None:
    """The pack answers as the network from which it was made, where TensorFlow is not."""
    network = save_teachable_machine(tmp_path / "unused.h5", classes=3)
    (tmp_path / "unused.h5").unlink()
    with quiet_libraries():
        network.export(tmp_path / "model.savedmodel", verbose=False)
    (tmp_path / "labels.txt").write_text("0 With Mask\n1 b\n2 c\n", "utf-8")
    made = make_pack(str(tmp_path), tmp_path / "pack", PackOptions())
    assert made.remarks == ("Taken for: SavedModel export of Teachable Machine.",)
    assert made.largest < 1e-5
    assert made.from_files is not None
    assert read_pack(tmp_path / "pack").input.resize == "lanczos"
    pixels = squares(4, 224)
    expected = np.asarray(network(pixels.astype(np.float32) / np.float32(127.5) - 1))
    assert np.abs(without_libraries(tmp_path / "pack", pixels) - expected).max() < 1e-5


def saved(folder: Path, answer: Answer) -> Path:
    """A SavedModel whose answer is the means of the channels, and what `answer` adds."""
    tensorflow, _ = import_tensorflow()
    spec = tensorflow.TensorSpec((None, SIDE, SIDE, 3), tensorflow.float32)
    with quiet_libraries():
        module = tensorflow.Module()
        module.gain = tensorflow.Variable(3.0)
        module.answer = tensorflow.function(
            lambda values: {
                "scores": tensorflow.reduce_mean(answer(tensorflow, values), (1, 2)) * module.gain
            },
            input_signature=[spec],
        )
        tensorflow.saved_model.save(module, str(folder), signatures=module.answer)
    return folder


def test_a_plain_one_is_packed_with_flags(tmp_path: Path) -> None:
    """Of whatever name, given as the folder."""
    folder = saved(tmp_path / "ours", lambda _, values: values)
    assert make_pack(str(folder), tmp_path / "pack", OURS).largest < 1e-6


def write_a_file(target: Path) -> Answer:
    def answer(tensorflow: Any, values: Any) -> Any:
        tensorflow.io.write_file(str(target), "has run")
        return values

    return answer


def run_python(target: Path) -> Answer:
    def run(array: Any) -> Any:
        target.touch()
        return array

    def answer(tensorflow: Any, values: Any) -> Any:
        made = tensorflow.numpy_function(run, [values], tensorflow.float32)
        return tensorflow.ensure_shape(made, (None, SIDE, SIDE, 3))

    return answer


def save_variables(target: Path) -> Answer:
    def answer(tensorflow: Any, values: Any) -> Any:
        tensorflow.raw_ops.SaveV2(
            prefix=str(target), tensor_names=["x"], shape_and_slices=[""], tensors=[values]
        )
        return values

    return answer


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (write_a_file, "has the operator WriteFile, which may do more than compute"),
        (run_python, "has the operator (Eager)?PyFunc, which may do more than compute"),
        (save_variables, "reads or writes files when it runs"),
    ],
)
def test_what_does_more_than_compute_is_not_loaded(
    tmp_path: Path, make: Callable[[Path], Answer], problem: str
) -> None:
    """Nothing of it runs, and no pack is left."""
    folder = saved(tmp_path / "evil", make(tmp_path / "has-run"))
    with pytest.raises(ModelError, match=problem) as caught:
        make_pack(str(folder), tmp_path / "pack", OURS)
    assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["evil"]


def test_what_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    """Damaged, of TensorFlow 1, or for the browser: a line each."""
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(ModelError, match=r"saved_model\.pb cannot be read"):
        make_pack(str(folder), tmp_path / "pack", OURS)
    (folder / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ModelError, match="is a SavedModel of TensorFlow 1"):
        make_pack(str(folder), tmp_path / "pack", OURS)
    for name in ("model.json", "weights.bin", "metadata.json"):
        (folder / name).write_bytes(b"{}")
    with pytest.raises(ModelError, match="is an export of Teachable Machine for the browser"):
        make_pack(str(folder), tmp_path / "pack", OURS)
