"""What is true of a whole run, whoever classifies."""

from typing import TYPE_CHECKING

from taskworker_classifyimage import REPOSITORY, __version__
from taskworker_classifyimage.tasks import INDEPENDENT, ClassifyRequest

if TYPE_CHECKING:
    from taskworker_classifyimage.classify.base import Classifier


def describe_run(
    classifier: "Classifier", preprocessing: str, request: ClassifyRequest
) -> dict[str, object]:
    """The model that is loaded, how pictures are prepared for it, and what is wanted of each."""
    threshold = classifier.model.threshold
    return {
        "library": classifier.library,
        "model": classifier.model.name,
        "model_sha256": classifier.model.sha256,
        "temperature": classifier.model.temperature,
        "kind": None if threshold is None else INDEPENDENT,
        "device": classifier.device,
        "preprocessing": preprocessing,
        **describe_request(request, threshold),
    }


def describe_request(request: ClassifyRequest, threshold: float | None = None) -> dict[str, object]:
    """What is wanted of each picture; `threshold` is that of the model, if it has one."""
    return {
        "repository": REPOSITORY,
        "version": __version__,
        "language": request.language,
        "top": request.top,
        "min_probability": request.least(threshold),
        # As in runs of releases that did not know them.
        "categories": request.categories or None,
        "synonyms": request.synonyms or None,
        "provenance": request.provenance,
    }
