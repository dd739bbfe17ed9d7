"""From a network's scores to its best classes."""

from typing import Literal

import numpy as np
import numpy.typing as npt


def to_probabilities(
    scores: npt.NDArray[np.float32],
    kind: Literal["logits", "probabilities"],
    temperature: float = 1.0,
) -> npt.NDArray[np.float64]:
    """(N, C) scores of a network to (N, C) probabilities, 0 to 1.

    Args:
        scores: what the network gives.
        kind: whether they still need a softmax.
        temperature: divides the logits, see `softmax`.
    """
    if kind == "logits":
        return softmax(scores, temperature)
    if temperature == 1.0:
        return scores.astype(np.float64)
    # Probabilities are the softmax of their logarithms.
    with np.errstate(divide="ignore", invalid="ignore"):
        return softmax(np.log(scores.astype(np.float64)), temperature)


def softmax(
    logits: npt.NDArray[np.float32] | npt.NDArray[np.float64], temperature: float = 1.0
) -> npt.NDArray[np.float64]:
    """(N, C) logits to (N, C) probabilities, 0 to 1; each row sums to 1, or is NaN.

    Args:
        logits: of any range.
        temperature: divides them: below 1 the network becomes more certain, above 1 less; the
            order of the classes stays (Guo et al., "On Calibration of Modern Neural Networks",
            2017, section 4.2).
    """
    shifted = logits.astype(np.float64) / temperature
    with np.errstate(invalid="ignore"):
        shifted -= shifted.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def rank_best(probabilities: npt.NDArray[np.float64], top: int) -> list[int]:
    """Class indices of the `top` largest of (C,) probabilities, largest first.

    Equal probabilities come in the order of their class index, so that an answer does not depend
    on the sorting algorithm.
    """
    order = np.argsort(-probabilities, kind="stable")
    return [int(index) for index in order[:top]]
