"""An inference before the first task: proves that a device gives the answers it should."""

from typing import Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.errors import DeviceUnusable

#: How much probability may lie on other classes; devices round 8-bit and 16-bit steps differently.
_AGREEMENT: Final = 0.25


def check_agreement(classifier: Classifier, reference: Classifier) -> None:
    """Compares a device's answer with another's, on a picture of all colours.

    Raises:
        DeviceUnusable: it cannot run the network, or answers otherwise.
    """
    example = _all_colours(reference.model.input.size)
    try:
        answer = classifier.probabilities(example)
    except Exception as err:
        raise DeviceUnusable(f"{classifier.device} does not run the network: {err}") from err
    difference = float(np.abs(answer - reference.probabilities(example)).sum() / 2)
    # A device that gives NaN differs by NaN, which is not less than anything.
    if not difference <= _AGREEMENT:
        raise DeviceUnusable(
            f"{classifier.device} answers otherwise than {reference.device}, by {difference:.2f}"
        )


def _all_colours(size: int) -> npt.NDArray[np.uint8]:
    """(1, size, size, 3) uint8 RGB: red grows to the right, green downwards, blue to both."""
    ramp = np.linspace(0, 255, size)
    red, green = np.meshgrid(ramp, ramp)
    return np.stack([red, green, (red + green) / 2], axis=-1)[None].astype(np.uint8)
