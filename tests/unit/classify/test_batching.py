import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import pytest

from support.waiting import wait_until
from taskworker_classifyimage.classify.base import Images, Probabilities
from taskworker_classifyimage.classify.batching import BATCH, BatchingClassifier
from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier

SIZE = find_pack("EfficientNetLite0").input.size


class Watched(OnnxClassifier):
    """The real classifier; records the sizes of its batches and waits until it is released."""

    def __init__(
        self, pack: ModelPack, session: onnxruntime.InferenceSession, device: Device
    ) -> None:
        super().__init__(pack, session, device)
        self.batches: list[int] = []
        self.let_go = threading.Event()

    def probabilities(self, images: Images) -> Probabilities:
        self.batches.append(len(images))
        if len(self.batches) > 1:
            self.let_go.wait(10)
        if (images == 255).all(axis=(1, 2, 3)).any():
            raise ValueError("white pictures are not for me")
        return super().probabilities(images)


def load_watched() -> Watched:
    classifier = Watched.load(find_pack("EfficientNetLite0"))
    classifier.batches.clear()
    return classifier


def picture(number: int) -> Images:
    return np.random.default_rng(number).integers(0, 250, (1, SIZE, SIZE, 3), dtype=np.uint8)


def test_pictures_that_wait_run_together_and_get_their_own_answers() -> None:
    """50 callers: waiting pictures form batches within the limit, with an answer to each."""
    classifier = load_watched()
    batching = BatchingClassifier(classifier)
    pictures = [picture(number) for number in range(50)]
    expected = [OnnxClassifier.probabilities(classifier, each) for each in pictures]
    with ThreadPoolExecutor(50) as callers:
        answers = [callers.submit(batching.probabilities, each) for each in pictures]
        classifier.let_go.set()
        for answer, right in zip(answers, expected, strict=True):
            assert (answer.result(30) == right).all()
    assert sum(classifier.batches) == 50
    assert max(classifier.batches) <= BATCH
    assert len(classifier.batches) < 50


def test_a_picture_alone_does_not_wait_for_others() -> None:
    """One caller, one batch of one."""
    classifier = load_watched()
    assert BatchingClassifier(classifier).probabilities(picture(1)).shape == (1, 1000)
    assert classifier.batches == [1]


def test_an_error_reaches_its_callers_and_the_next_batch_runs() -> None:
    """No caller is left waiting for an answer that never comes."""
    classifier = load_watched()
    batching = BatchingClassifier(classifier)
    white = np.full((1, SIZE, SIZE, 3), 255, dtype=np.uint8)
    classifier.let_go.set()
    with pytest.raises(ValueError, match="white pictures"):
        batching.probabilities(white)
    assert batching.probabilities(picture(2)).shape == (1, 1000)


def test_a_picture_that_fails_harms_no_other_of_its_batch() -> None:
    """Only the caller of that picture gets the error."""
    classifier = load_watched()
    batching = BatchingClassifier(classifier)
    white = np.full((1, SIZE, SIZE, 3), 255, dtype=np.uint8)
    with ThreadPoolExecutor(12) as callers:
        answers = [callers.submit(batching.probabilities, picture(each)) for each in range(10)]
        failing = callers.submit(batching.probabilities, white)
        wait_until(lambda: len(classifier.batches) == 2)
        classifier.let_go.set()
        with pytest.raises(ValueError, match="white pictures"):
            failing.result(30)
        assert [each.result(30).shape for each in answers] == [(1, 1000)] * 10
    assert max(classifier.batches) > 1
