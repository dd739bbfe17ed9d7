"""The temperature at which confidence says how often a model is right."""

import numpy as np
import pytest

from taskworker_classifyimage.classify.ranking import softmax
from taskworker_classifyimage.local.temperature import (
    CalibrationSample,
    at_temperature,
    fit_temperature,
)

CLASSES = 20


def pictures(count: int, right: float, made_with: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose right temperature is `right`, made with another one."""
    source = np.random.default_rng(7)
    logits = source.normal(0, 3, (count, CLASSES))
    honest = softmax(logits, right)
    truths = np.array([source.choice(CLASSES, p=row) for row in honest])
    return softmax(logits, made_with), truths


@pytest.mark.parametrize(("right", "made_with"), [(0.7, 1.0), (1.6, 1.0), (0.7, 0.72)])
def test_the_right_temperature_is_found_and_lies_in_its_interval(
    right: float, made_with: float
) -> None:
    fit = fit_temperature(*pictures(4000, right, made_with), made_with)
    assert fit.temperature == pytest.approx(right, rel=0.06)
    assert fit.low <= right <= fit.high
    assert fit.low < fit.temperature < fit.high


def test_more_pictures_make_it_more_certain() -> None:
    few, many = (fit_temperature(*pictures(count, 0.7), 1.0) for count in (100, 4000))
    assert many.high - many.low < 0.4 * (few.high - few.low)


def test_another_temperature_is_that_of_the_logits() -> None:
    probabilities, _ = pictures(50, 1.0)
    logits = np.random.default_rng(7).normal(0, 3, (50, CLASSES))
    assert np.allclose(at_temperature(probabilities, 0.5), softmax(logits, 0.5))


def test_the_error_is_measured_on_pictures_that_did_not_give_the_temperature() -> None:
    ids = [f"c{number}" for number in range(CLASSES)]
    sample = CalibrationSample(ids)
    for row, truth in zip(*pictures(2000, 0.6), strict=True):
        order = np.argsort(-row)
        predictions = [{"class": ids[index], "probability": row[index]} for index in order]
        sample.add(predictions, ids[truth])
    assert sample.count == 2000
    before, after = sample.compare_errors(1.0)
    assert before > 0.1
    assert after < 0.05
    assert sample.fit(1.0).temperature == pytest.approx(0.6, rel=0.08)


def test_one_picture_gives_some_temperature() -> None:
    sample = CalibrationSample(["a", "b"])
    sample.add([{"class": "a", "probability": 0.9}, {"class": "b", "probability": 0.1}], "a")
    assert sample.fit(1.0).temperature > 0
    assert sample.compare_errors(1.0)[0] == pytest.approx(0.1, abs=1e-6)
