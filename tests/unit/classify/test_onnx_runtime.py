import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support.packs import copy_pack
from taskworker_classifyimage.classify.catalogue import built_in_packs, find_pack
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import (
    OnnxClassifier,
    session_options,
)
from taskworker_classifyimage.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

PACKS = built_in_packs()


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_a_picture_gets_the_same_bits_in_any_batch(pack: ModelPack) -> None:
    """Other pictures in flight change no bit of an answer."""
    classifier = OnnxClassifier.load(pack)
    size = pack.input.size
    images = np.random.default_rng(1).integers(0, 256, (5, size, size, 3), dtype=np.uint8)
    together = classifier.probabilities(images)
    alone = np.concatenate([classifier.probabilities(image[None]) for image in images])
    assert (together == alone).all()


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_sums_do_not_saturate_on_this_cpu(pack: ModelPack) -> None:
    """The kernel that could saturate gives the same bits as the one that cannot."""
    size = pack.input.size
    noise = np.random.default_rng(2).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    board = (np.indices((size, size)).sum(axis=0) % 2 * 255).astype(np.uint8)
    images = np.concatenate([noise, np.broadcast_to(board[None, :, :, None], noise.shape)])
    assert pack.saturation_safe
    answers = []
    for claim in (True, False):
        classifier = OnnxClassifier.load(dataclasses.replace(pack, saturation_safe=claim))
        answers.append(classifier.probabilities(images))
    assert (answers[0] == answers[1]).all()


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A pack whose description does not fit its network fails at load, not at the first task."""
    folder = copy_pack("EfficientNetLite0", tmp_path)
    path = folder / "model.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("size = 224", "size = 9"), encoding="utf-8"
    )
    with pytest.raises(ModelError, match="does not run"):
        OnnxClassifier.load(read_pack(folder))


def test_a_runtime_that_fails_to_start_gives_the_reason_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime would print the error among the results, and silently use the CPU."""

    def spoilt() -> "onnxruntime.SessionOptions":
        options = session_options()
        options.intra_op_num_threads = 2
        options.add_session_config_entry("session.intra_op_thread_affinities", "nonsense")
        return options

    monkeypatch.setattr("taskworker_classifyimage.classify.onnx_runtime.session_options", spoilt)
    with pytest.raises(ModelError, match=r"cannot be loaded: .*must consist of only digits"):
        OnnxClassifier.load(find_pack("EfficientNetLite0"))
    assert capsys.readouterr() == ("", "")
