"""Networks with one output for two classes: the probability of the second one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from taskworker_classifyimage.packing.network import Network, PackOptions, Scores
from taskworker_classifyimage.packing.onnx_changes import OnnxNetwork
from taskworker_classifyimage.packing.onnx_reading import read_facts


def share_between_two(
    network: Network, options: PackOptions, scores: Scores
) -> tuple[Network, Scores]:
    """Gives such a network an output for each of its two classes; leaves all others as they are.

    Args:
        network: the source.
        options: what is known of it.
        scores: (N, C), its answers.

    Returns:
        The network, and its answers, (N, 2) where there were two classes for one sigmoid.

    Raises:
        ConfigError: the library that changes it is not installed.
    """
    classes = options.classes or network.classes
    is_shared = scores.shape[1] == 1 and classes is not None and len(classes.ids) == 2
    if classes is None or not is_shared or read_facts(network.onnx).last != "Sigmoid":
        return network, scores
    changed = OnnxNetwork(network.onnx)
    changed.add_other_class()
    of_images = network.scores_of_images
    first, second = classes.ids
    remark = f"Its one output is the probability of {second!r}; the rest to 1 is that of {first!r}."
    shared = replace(
        network,
        onnx=changed.to_bytes(),
        scores=_share(network.scores),
        scores_of_images=None if of_images is None else _share(of_images),
        remarks=(*network.remarks, remark),
    )
    return shared, _both(scores)


def _share(answer: Callable[[Any], Scores]) -> Callable[[Any], Scores]:
    return lambda pictures: _both(np.asarray(answer(pictures)))


def _both(scores: Scores) -> Scores:
    return np.concatenate([1 - scores, scores], axis=1)
