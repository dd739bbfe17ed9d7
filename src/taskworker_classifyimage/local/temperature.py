"""Finds the temperature at which a model's confidence says how often it is right.

The temperature that makes the known classes most likely is chosen (Guo et al., "On Calibration of
Modern Neural Networks", 2017, section 4.2). How certain it is, resampling the pictures shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.local.evaluation import calibration_error

#: Factors on the present temperature that are tried, 0.5 % apart.
_FACTORS: Final = np.exp(np.arange(np.log(0.1), np.log(10.0), 0.005))
#: How often pictures are drawn anew from those that there are.
_RESAMPLES: Final = 500
#: Rows that are computed at once.
_ROWS: Final = 64


class _Answer(NamedTuple):
    confidence: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A temperature and how certain it is.

    Attributes:
        temperature: the best one.
        low: 95 % of the resamples give a temperature from here,
        high: to here.
    """

    temperature: float
    low: float
    high: float


class CalibrationSample:
    """The probabilities of all classes for pictures of known classes."""

    def __init__(self, ids: Sequence[str]) -> None:
        """Takes the ids of the classes."""
        self._index = {class_id: index for index, class_id in enumerate(ids)}
        self._rows: list[npt.NDArray[np.float32]] = []
        self._truths: list[int] = []

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self._truths)

    def add(self, predictions: Sequence[Mapping[str, Any]], truth: str) -> None:
        """Adds a picture: a prediction for each class, as results have them, and its class."""
        row = np.zeros(len(self._index), dtype=np.float32)
        for each in predictions:
            row[self._index[each["class"]]] = each["probability"]
        self._rows.append(row)
        self._truths.append(self._index[truth])

    def fit(self, temperature: float) -> Fit:
        """Fits the temperature; `temperature` is the one with which it was made."""
        return fit_temperature(*self._arrays(), temperature)

    def compare_errors(self, temperature: float) -> tuple[float, float]:
        """The calibration error as it is, and with temperatures that other pictures gave.

        Each half of the pictures is judged with the temperature of the other half: a figure from
        the same pictures would flatter.
        """
        probabilities, truths = self._arrays()
        after = np.empty_like(probabilities)
        for half in (slice(0, None, 2), slice(1, None, 2)):
            other = slice(1 - (half.start or 0), None, 2)
            if len(truths[other]):
                fit = fit_temperature(probabilities[other], truths[other], temperature)
                after[half] = at_temperature(probabilities[half], fit.temperature / temperature)
            else:
                after[half] = probabilities[half]
        return _error(probabilities, truths), _error(after, truths)

    def _arrays(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
        return np.array(self._rows, dtype=np.float64), np.array(self._truths, dtype=np.intp)


def fit_temperature(
    probabilities: npt.NDArray[np.float64], truths: npt.NDArray[np.intp], temperature: float
) -> Fit:
    """Fits the temperature of a model.

    Args:
        probabilities: (N, C) 0 to 1, of N pictures.
        truths: (N,) the index of each picture's class.
        temperature: with which the probabilities were made.
    """
    losses = _losses(probabilities, truths)
    best = temperature * _FACTORS[np.argmin(losses.sum(axis=0))]
    source = np.random.default_rng(0)
    counts = source.multinomial(len(truths), np.full(len(truths), 1 / len(truths)), _RESAMPLES)
    resampled = temperature * _FACTORS[np.argmin(counts @ losses, axis=1)]
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Fit(float(best), float(low), float(high))


def at_temperature(
    probabilities: npt.NDArray[np.float64], factor: float
) -> npt.NDArray[np.float64]:
    """(N, C) probabilities as they are if the temperature is multiplied by a factor."""
    scaled = _logarithms(probabilities) / factor
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return np.asarray(scaled)


def _error(probabilities: npt.NDArray[np.float64], truths: npt.NDArray[np.intp]) -> float:
    is_right = probabilities.argmax(axis=1) == truths
    confidences = probabilities.max(axis=1)
    pairs = zip(confidences.tolist(), is_right.tolist(), strict=True)
    return calibration_error([_Answer(*pair) for pair in pairs])


def _losses(
    probabilities: npt.NDArray[np.float64], truths: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """(N, factors): the negative logarithm of each truth's probability with each factor."""
    losses = np.empty((len(truths), len(_FACTORS)))
    for start in range(0, len(truths), _ROWS):
        part = slice(start, start + _ROWS)
        logits = _logarithms(probabilities[part])
        logits -= logits.max(axis=1, keepdims=True)
        of_truth = logits[np.arange(len(logits)), truths[part]]
        for column, factor in enumerate(_FACTORS):
            total = np.log(np.exp(logits / factor).sum(axis=1))
            losses[part, column] = total - of_truth / factor
    return losses


def _logarithms(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # A probability that was rounded to 0 would be infinitely unlikely.
    smallest = np.finfo(np.float64).tiny
    return np.asarray(np.log(np.maximum(probabilities, smallest)))
