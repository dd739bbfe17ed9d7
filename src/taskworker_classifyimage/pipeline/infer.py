"""infer: pixels to probabilities."""

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.errors import DeviceFailed, NoAnswer, one_line


def infer(classifier: Classifier, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(S, S, 3) uint8 RGB to (C,) probabilities, 0 to 1, in the order of the classes.

    Raises:
        NoAnswer: the model fails with this picture, or returns NaN or infinity.
        DeviceFailed: it fails with a blank picture too, which it did not when it was loaded.
    """
    model = classifier.model.name
    try:
        (probabilities,) = classifier.probabilities(image[np.newaxis])
    except Exception as err:
        _check_device(classifier, np.zeros_like(image))
        raise NoAnswer(f"{model} fails with this picture: {one_line(err)}") from err
    if not np.isfinite(probabilities).all():
        raise NoAnswer(f"{model} gives no probabilities for this picture")
    return np.asarray(probabilities)


def _check_device(classifier: Classifier, blank: npt.NDArray[np.uint8]) -> None:
    try:
        classifier.probabilities(blank[np.newaxis])
    except Exception as err:
        name, device = classifier.model.name, classifier.device
        raise DeviceFailed(f"{device} does not run {name} any more: {one_line(err)}") from err
