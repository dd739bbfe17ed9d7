"""From a network's scores to its best classes."""

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import OutputKind


def to_probabilities(
    scores: npt.NDArray[np.float32], kind: OutputKind, temperature: float = 1.0
) -> npt.NDArray[np.float64]:
    """(N, C) scores of a network to (N, C) probabilities, 0 to 1.

    Args:
        scores: what the network gives.
        kind: what they are: whether they still need a softmax, or for classes that do not exclude
            each other a sigmoid.
        temperature: divides the logits, see `softmax`.
    """
    if kind == "logits":
        return softmax(scores, temperature)
    if kind == "independent-logits":
        return sigmoid(scores, temperature)
    exact = scores.astype(np.float64)
    if temperature == 1.0:
        return exact
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "independent":
            return sigmoid(np.log(exact) - np.log1p(-exact), temperature)
        # Probabilities are the softmax of their logarithms.
        return softmax(np.log(exact), temperature)


def sigmoid(
    logits: npt.NDArray[np.float32] | npt.NDArray[np.float64], temperature: float = 1.0
) -> npt.NDArray[np.float64]:
    """(N, C) logits to (N, C) probabilities, 0 to 1, each on its own; NaN stays NaN.

    Args:
        logits: of any range.
        temperature: divides them, as for `softmax`.
    """
    # The hyperbolic tangent does not overflow.
    return np.asarray((1.0 + np.tanh(logits.astype(np.float64) / (2.0 * temperature))) / 2.0)


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
    if top < len(probabilities):
        # Only those that may be among the best are sorted.
        least = np.partition(probabilities, -top)[-top]
        candidates = np.flatnonzero(probabilities >= least)
    else:
        candidates = np.arange(len(probabilities))
    order = candidates[np.argsort(-probabilities[candidates], kind="stable")]
    best: list[int] = order[:top].tolist()
    return best
