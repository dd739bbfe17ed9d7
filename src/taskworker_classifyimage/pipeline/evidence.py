"""What a result was made of, so that an examiner can show it and another can repeat it."""

from dataclasses import asdict

from taskworker_classifyimage.classify.labels import Labels
from taskworker_classifyimage.classify.model import Model
from taskworker_classifyimage.decode import PictureFacts


def evidence(
    picture_sha256: str, facts: PictureFacts, model: Model, labels: Labels, language: str
) -> dict[str, object]:
    """The object "provenance" of a result.

    The checksum is of the file as the bridge gave it, in hexadecimal; the language is the one asked
    for, and the one that was used is told.
    """
    used, _ = labels.resolve(language)
    return {
        "picture": {"sha256": picture_sha256, **asdict(facts)},
        "model": {"name": model.name, "version": model.version, "sha256": model.sha256},
        "labels": {"language": used, "sha256": labels.sha256(used)},
        "preprocessing": asdict(model.input),
    }
