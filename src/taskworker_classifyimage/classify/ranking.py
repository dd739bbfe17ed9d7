"""From a network's scores to its best classes."""

from typing import Literal

import numpy as np
import numpy.typing as npt


def to_probabilities(
    scores: npt.NDArray[np.float32], kind: Literal["logits", "probabilities"]
) -> npt.NDArray[np.float64]:
    """(N, C) scores of a network to (N, C) probabilities, 0 to 1, whatever it gives."""
    return softmax(scores) if kind == "logits" else scores.astype(np.float64)


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(N, C) logits to (N, C) probabilities, 0 to 1; each row of numbers sums to 1."""
    shifted = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        shifted -= shifted.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def best(probabilities: npt.NDArray[np.float64], top: int) -> list[int]:
    """Class indices of the `top` largest of (C,) probabilities, largest first.

    Equal probabilities come in the order of their class index, so that an answer never depends
    on how it was sorted.
    """
    order = np.argsort(-probabilities, kind="stable")
    return [int(index) for index in order[:top]]
