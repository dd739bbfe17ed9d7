"""infer: pixels to probabilities, and probabilities to named predictions."""

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import Labels
from taskworker_classifyimage.classify.ranking import rank_best
from taskworker_classifyimage.errors import DeviceFailed, NoAnswer, one_line
from taskworker_classifyimage.tasks import ClassifyRequest, Prediction


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


def name_best(
    probabilities: npt.NDArray[np.float64], labels: Labels, request: ClassifyRequest
) -> tuple[list[Prediction], list[str]]:
    """(C,) probabilities to the best predictions, most probable first, and the warnings."""
    warnings = list(request.warnings)
    language, is_as_requested = labels.resolve(request.language)
    if not is_as_requested:
        warnings.append(
            f"targetlanguage: {request.language} is not available, names are in {language}"
        )
    names, ids = labels.names(language), labels.ids
    predictions = [
        Prediction(ids[index], names[ids[index]], float(probabilities[index]))
        for index in rank_best(probabilities, request.top)
        if probabilities[index] >= request.min_probability
    ]
    return predictions, warnings
