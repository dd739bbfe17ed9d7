"""Whether a pack answers as its source does, on real pictures."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image

from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.classify.ranking import to_probabilities
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import ConfigError, ModelError, TaskError, one_line
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.packing.network import Images, Network, Scores
from taskworker_classifyimage.sample import SAMPLE

#: More than one, so that a network which only takes one picture at a time is found out.
_BATCH: Final = 4
_MOST_PHOTOS: Final = 200
#: How far from 1 the probabilities of one picture may sum.
_SUM_TOLERANCE: Final = 1e-3
#: The whole sample and its four quarters, as shares of its sides: left, top, right, bottom.
_PARTS: Final = (
    (0, 0, 1, 1),
    (0, 0, 0.5, 0.5),
    (0.5, 0, 1, 0.5),
    (0, 0.5, 0.5, 1),
    (0.5, 0.5, 1, 1),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a pack's answers differ from its source's.

    Attributes:
        pictures: how many were compared.
        largest: difference of two probabilities of the same class.
        same_best: pictures on which both have the same best class.
    """

    pictures: int
    largest: float
    same_best: int


def real_pictures(spec: InputSpec, photos: Sequence[Path]) -> Images:
    """The sample in 20 views, and the photos: (N, S, S, 3) uint8 RGB.

    Args:
        spec: what the network wants to see.
        photos: files; those that are no pictures are left out, and those over 200.

    Raises:
        ConfigError: there are photos and none is a picture.
    """
    own = [decode(view, spec, DecodeLimits()).pixels for view in _views(SAMPLE)]
    others = []
    for photo in photos[:_MOST_PHOTOS]:
        try:
            others.append(decode(photo.read_bytes(), spec, DecodeLimits()).pixels)
        except (OSError, TaskError):
            continue
    if photos and not others:
        raise ConfigError("--pictures: there is no picture in that folder")
    return np.stack(own + others)


def scores_of(network: Network, pictures: Images) -> Scores:
    """(N, C) scores of (N, S, S, 3) uint8 RGB, by the source's own library.

    Raises:
        ModelError: it does not run, or gives something else.
    """
    try:
        answers = [np.asarray(network.scores(batch)) for batch in _batches(pictures)]
    except Exception as err:
        raise ModelError(f"the source network does not run: {one_line(err)}") from err
    if answers[0].ndim != 2 or len(answers[0]) != _BATCH:
        raise ModelError(
            f"the source network gives {answers[0].shape} for {_BATCH} pictures, not a row each"
        )
    return np.concatenate(answers).astype(np.float32)


def kind_of(scores: Scores) -> Literal["logits", "probabilities"]:
    """What (N, C) scores of real pictures are.

    Raises:
        ModelError: neither; a pack cannot say how to read them.
    """
    if not np.isfinite(scores).all():
        raise ModelError("the source network gives scores that are no numbers")
    if scores.min() < 0 or scores.max() > 1 + _SUM_TOLERANCE:
        return "logits"
    if np.abs(scores.sum(axis=1) - 1).max() < _SUM_TOLERANCE:
        return "probabilities"
    raise ModelError(
        "the source network gives scores from 0 to 1 that do not sum to 1: its classes do not "
        "exclude each other, or they are logits that happen to look so (then: --kind logits)"
    )


def compare(pack: ModelPack, scores: Scores, pictures: Images) -> Comparison:
    """Runs a pack as a worker does, on the pictures that gave the source's scores.

    Raises:
        ModelError: the pack cannot be loaded or does not run as it is described.
    """
    classifier = OnnxClassifier.load(pack)
    try:
        found = np.concatenate([classifier.probabilities(batch) for batch in _batches(pictures)])
    except Exception as err:
        raise ModelError(f"the pack takes one picture, and not several: {one_line(err)}") from err
    expected = to_probabilities(scores, pack.output)
    return Comparison(
        pictures=len(pictures),
        largest=float(np.abs(found - expected).max()),
        same_best=int((found.argmax(axis=1) == expected.argmax(axis=1)).sum()),
    )


def _batches(pictures: Images) -> Iterator[Images]:
    for start in range(0, len(pictures), _BATCH):
        yield pictures[start : start + _BATCH]


def _views(path: Path) -> Iterator[bytes]:
    with Image.open(path) as picture:
        rgb = picture.convert("RGB")
    for left, top, right, bottom in _PARTS:
        width, height = rgb.size
        part = rgb.crop(
            (int(left * width), int(top * height), int(right * width), int(bottom * height))
        )
        for degrees in (0, 90, 180, 270):
            encoded = io.BytesIO()
            part.rotate(degrees, expand=True).save(encoded, "BMP")
            yield encoded.getvalue()
