"""infer: pixels to probabilities, and probabilities to named predictions."""

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import Labels
from taskworker_classifyimage.classify.ranking import best
from taskworker_classifyimage.errors import NoNumbers
from taskworker_classifyimage.tasks import ClassifyRequest, Prediction


def infer(classifier: Classifier, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(S, S, 3) uint8 RGB to (C,) probabilities, 0 to 1, in the order of the classes.

    Raises:
        NoNumbers: JSON could not say what the model gives.
    """
    (probabilities,) = classifier.probabilities(image[np.newaxis])
    if not np.isfinite(probabilities).all():
        raise NoNumbers(f"{classifier.model.name} gives no probabilities for this picture")
    return np.asarray(probabilities)


def name_best(
    probabilities: npt.NDArray[np.float64], labels: Labels, request: ClassifyRequest
) -> tuple[list[Prediction], list[str]]:
    """(C,) probabilities to the best predictions, most probable first, and the warnings."""
    warnings = list(request.warnings)
    language, as_asked = labels.resolve(request.language)
    if not as_asked:
        warnings.append(f"targetlanguage: {request.language} is not there, names are in {language}")
    names, ids = labels.names(language), labels.ids
    predictions = [
        Prediction(ids[index], names[ids[index]], float(probabilities[index]))
        for index in best(probabilities, request.top)
    ]
    return predictions, warnings
