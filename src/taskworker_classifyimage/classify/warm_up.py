"""Inferences before the first task: they prove that a network runs and answers as it should."""

from typing import Final

import numpy as np

from taskworker_classifyimage.classify.base import Classifier, Images
from taskworker_classifyimage.errors import DeviceUnusable, ModelError, one_line

#: Float16 networks round; a sum that is further from 1 is not a probability distribution.
_SUM_TOLERANCE: Final = 0.01
#: Probability that may move to other classes; devices round 8-bit and 16-bit values differently.
_AGREEMENT: Final = 0.25


def try_blank_pictures(classifier: Classifier, count: int, subject: str) -> None:
    """Runs a network on a batch of black pictures.

    Args:
        classifier: the loaded network.
        count: pictures in the batch; some networks take only one.
        subject: names the network's file in messages.

    Raises:
        ModelError: it fails, or its answer is not a probability for each class.
    """
    size, classes = classifier.model.input.size, classifier.model.class_count
    try:
        answer = classifier.probabilities(np.zeros((count, size, size, 3), dtype=np.uint8))
    except Exception as err:
        raise ModelError(f"{subject} does not run as described: {one_line(err)}") from err
    if answer.shape != (count, classes):
        raise ModelError(f"{subject} answers with {answer.shape}, not ({count}, {classes})")
    # Written so that NaN is refused, too.
    if classifier.model.threshold is not None:
        if not (answer.min() >= 0 and answer.max() <= 1 + _SUM_TOLERANCE):
            raise ModelError(
                f"{subject} gives {answer.min():.3f} to {answer.max():.3f}, not probabilities"
            )
    elif not np.abs(answer.sum(axis=1) - 1).max() < _SUM_TOLERANCE:
        raise ModelError(f"{subject} gives probabilities that sum to {answer[0].sum():.3f}, not 1")


def check_agreement(classifier: Classifier, reference: Classifier) -> None:
    """Compares the answers of two devices to a picture of all colours.

    Raises:
        DeviceUnusable: the classifier fails, or its answer differs from the reference's.
    """
    example = _all_colours(reference.model.input.size)
    try:
        answer = classifier.probabilities(example)
    except Exception as err:
        raise DeviceUnusable(f"{classifier.device} does not run the network: {err}") from err
    differences = np.abs(answer - reference.probabilities(example))
    is_independent = reference.model.threshold is not None
    # What one class loses, others win, unless they do not exclude each other.
    difference = float(differences.max() if is_independent else differences.sum() / 2)
    # Written so that a difference of NaN is refused, too.
    if not difference <= _AGREEMENT:
        raise DeviceUnusable(
            f"{classifier.device} and {reference.device} give different answers: probabilities "
            f"differ by {difference:.2f}"
        )


def _all_colours(size: int) -> Images:
    """(1, size, size, 3) uint8 RGB: red grows to the right, green downwards, blue with both."""
    ramp = np.linspace(0, 255, size)
    red, green = np.meshgrid(ramp, ramp)
    return np.stack([red, green, (red + green) / 2], axis=-1)[None].astype(np.uint8)
