"""What is true of a whole run, whoever classifies."""

from typing import TYPE_CHECKING

from taskworker_classifyimage import REPOSITORY, __version__
from taskworker_classifyimage.tasks import INDEPENDENT, ClassifyRequest

if TYPE_CHECKING:
    from taskworker_classifyimage.classify.base import Loaded


def describe_run(
    loaded: "Loaded", preprocessing: str, request: ClassifyRequest
) -> dict[str, object]:
    """The model that is loaded, how pictures are prepared for it, and what is wanted of each."""
    threshold = loaded.model.threshold
    return {
        "library": loaded.library,
        "model": loaded.model.name,
        "model_sha256": loaded.model.sha256,
        "temperature": loaded.model.temperature,
        "kind": None if threshold is None else INDEPENDENT,
        "device": loaded.device,
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
