"""What the facts that a decoder sends must satisfy; none of them is believed."""

from typing import Final

from taskworker_classifyimage.decode import DecodeLimits, PictureFacts
from taskworker_classifyimage.decode.format_names import FORMAT_NAMES

_ORIENTATIONS: Final = range(1, 9)
#: A decoder of this program warns of three things at most.
_MAX_WARNINGS: Final = 10


def check_facts(facts: PictureFacts, limits: DecodeLimits) -> None:
    """Raises `ValueError` if no decoder of this program says such a thing of a picture."""
    if facts.format not in FORMAT_NAMES:
        raise ValueError(f"the unknown format {facts.format!r}")
    sides = f"{facts.width} x {facts.height} pixels"
    if facts.width < 1 or facts.height < 1:
        raise ValueError(sides)
    if facts.width * facts.height > limits.pixels:
        raise ValueError(f"{sides}, the limit is {limits.pixels}")
    if facts.orientation not in _ORIENTATIONS:
        raise ValueError(f"the orientation {facts.orientation}")
    if len(facts.warnings) > _MAX_WARNINGS:
        raise ValueError(f"{len(facts.warnings)} warnings")
