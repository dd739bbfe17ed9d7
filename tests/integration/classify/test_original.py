from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.keras_files import skip_without_tensorflow
from support.odd_pictures import write_odd_pictures
from support.original import (
    FILES,
    MODEL,
    Scores,
    assert_same,
    original_scores,
    save_weights,
    seeded_original,
)
from support.pools import real_pool
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.local.files import classify_file
from taskworker_classifyimage.pipeline.engine import Engine
from taskworker_classifyimage.tasks import ClassifyRequest

pytestmark = [
    pytest.mark.large,
    # Keras passes its variables to NumPy in the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@dataclass(frozen=True)
class Example:
    """A network, pictures, and the original's scores for each."""

    network: Any
    pictures: list[Path]
    scores: list[Scores]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    skip_without_tensorflow()
    pictures = write_odd_pictures(tmp_path_factory.mktemp("pictures"))
    network = seeded_original(pictures[:24])
    return Example(network, pictures, [original_scores(network, each) for each in pictures])


@pytest.mark.parametrize("file", FILES)
def test_fifty_pictures_are_answered_as_the_original_does(
    example: Example, tmp_path: Path, file: str
) -> None:
    """The same weights, the same classes in the same order, the same probabilities."""
    options = save_weights(example.network, tmp_path, file)
    classifier, ranks = load_classifier(MODEL, options=options), 0
    with real_pool() as pool:
        engine, request = Engine(classifier, pool), ClassifyRequest(top=1000)
        results = [classify_file(engine, str(path), request) for path in example.pictures]
    for result, scores in zip(results, example.scores, strict=True):
        ranks += assert_same(scores, result["predictions"])
        assert (result["model"], result["device"]) == (MODEL, "cpu")
        assert str(result["library"]).startswith("tensorflow-2.")
    assert len({scores.argmax() for scores in example.scores}) > 15, "they should differ"
    assert ranks > 10 * len(example.pictures), "they should be apart"
