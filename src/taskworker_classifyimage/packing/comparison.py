"""Compares a pack's answers with its source's, on real pictures."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageOps

from taskworker_classifyimage.classify.base import Images, Probabilities
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.classify.ranking import to_probabilities
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import ConfigError, ModelError, TaskError, one_line
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.packing.network import Network, Scores
from taskworker_classifyimage.sample import SAMPLE

#: More than one, to find networks that take only one picture at a time.
_BATCH: Final = 4
_MOST_PHOTOS: Final = 200
#: Where each prepares the pictures in its own way, decoders and resampling round differently.
LEAST_ALLOWED_FROM_FILES: Final = 0.02
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
class Pictures:
    """What is compared on.

    Attributes:
        files: encoded pictures.
        pixels: (N, S, S, 3) uint8 RGB, as a worker decodes them.
    """

    files: list[bytes]
    pixels: Images


@dataclass(frozen=True, slots=True)
class Agreement:
    """How much answers differ for the same pictures.

    Attributes:
        pictures: how many were compared.
        largest: the largest difference between two probabilities of the same class.
        mean: the largest difference of each picture, on average.
        same_best: for how many pictures both have the same best class.
    """

    pictures: int
    largest: float
    mean: float
    same_best: int


@dataclass(frozen=True, slots=True)
class Comparison(Agreement):
    """How much a pack's answers differ from its source's, for the same pixels.

    Attributes:
        allowed: what `largest` may be.
        from_files: the same where each side prepares the files in its own way; None where the
            source has no way of its own.
        allowed_from_files: what the mean of `from_files` may be.
        remarks: what the user should know, a line each: what the source was taken for, and more.
    """

    allowed: float
    from_files: Agreement | None = None
    allowed_from_files: float = 0.0
    remarks: tuple[str, ...] = ()


def load_pictures(spec: InputSpec, photos: Sequence[Path]) -> Pictures:
    """The sample in 20 views, and the photos.

    Args:
        spec: the network's input.
        photos: files; those that are not pictures are left out, and those after the first 200.

    Raises:
        ConfigError: there are files and none is a picture.
    """
    files = list(_views(SAMPLE))
    pixels = [decode(view, spec, DecodeLimits()).pixels for view in files]
    own = len(files)
    for photo in photos[:_MOST_PHOTOS]:
        try:
            content = photo.read_bytes()
            pixels.append(decode(content, spec, DecodeLimits()).pixels)
            files.append(content)
        except (OSError, TaskError):
            continue
    if photos and len(files) == own:
        raise ConfigError("--pictures: there is no picture in that folder")
    return Pictures(files, np.stack(pixels))


def compute_scores(network: Network, pictures: Images) -> Scores:
    """(N, C) float32 scores of (N, S, S, 3) uint8 RGB, by the source's own library.

    Raises:
        ModelError: the source does not run, or gives something else.
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


def guess_kind(scores: Scores) -> Literal["logits", "probabilities"]:
    """What (N, C) float32 scores of real pictures look like.

    Raises:
        ModelError: neither; a pack cannot say how to read them.
    """
    if not np.isfinite(scores).all():
        raise ModelError("the source network gives NaN or infinite scores")
    if scores.min() < 0 or scores.max() > 1 + _SUM_TOLERANCE:
        return "logits"
    if np.abs(scores.sum(axis=1) - 1).max() < _SUM_TOLERANCE:
        return "probabilities"
    raise ModelError(
        "the source network gives scores from 0 to 1 that do not sum to 1: either its classes do "
        "not exclude each other (then: --kind independent), or they are logits (--kind logits)"
    )


def compare(
    pack: ModelPack, network: Network, scores: Scores, pictures: Pictures, allowed: float
) -> Comparison:
    """Runs a pack as a worker does, on the pictures behind the source's scores.

    Args:
        pack: what was made of the network.
        network: the source.
        scores: (N, C), the source's answers to the pixels.
        pictures: N of them.
        allowed: the largest difference that rounding may make.

    Raises:
        ModelError: the pack cannot be loaded or does not run as its description says, or the
            source does not run.
    """
    classifier = OnnxClassifier.load(pack)
    try:
        batches = _batches(pictures.pixels)
        found = np.concatenate([classifier.probabilities(batch) for batch in batches])
    except Exception as err:
        raise ModelError(
            f"the pack takes one picture, not several at once: {one_line(err)}"
        ) from err
    agreement = _measure(found, to_probabilities(scores, pack.output))
    from_files = None
    if network.scores_of_images is not None:
        places, own = _scores_of_files(network.scores_of_images, pictures.files)
        from_files = _measure(found[places], to_probabilities(own, pack.output))
    return Comparison(
        **asdict(agreement),
        allowed=allowed,
        from_files=from_files,
        allowed_from_files=0.0 if from_files is None else _allow(classifier, found, pictures),
        remarks=network.remarks,
    )


def _allow(classifier: OnnxClassifier, found: Probabilities, pictures: Pictures) -> float:
    """How much answers may differ on average where each side prepares the files itself.

    As much as a shift by one pixel makes: sources cut at whole pixels, by half of which they
    differ. Networks differ in how much they mind; a wrong order of channels makes several times as
    much in one that was trained.
    """
    shifted = np.roll(pictures.pixels, 1, axis=2)
    moved = np.concatenate([classifier.probabilities(batch) for batch in _batches(shifted)])
    return max(LEAST_ALLOWED_FROM_FILES, _measure(moved, found).mean)


def _scores_of_files(
    answer: Callable[[Sequence[Image.Image]], Scores], files: Sequence[bytes]
) -> tuple[list[int], Scores]:
    """The source's answers to the files that Pillow opens, and the places of these.

    Files are opened a few at a time, for they are as large as cameras make them.
    """
    places, answers = list[int](), list[Scores]()
    for start in range(0, len(files), _BATCH):
        opened = {
            place: image
            for place in range(start, min(start + _BATCH, len(files)))
            if (image := _open_upright(files[place])) is not None
        }
        if not opened:
            continue
        try:
            answers.append(np.asarray(answer(list(opened.values())), np.float32))
        except Exception as err:
            raise ModelError(f"the source does not run on files: {one_line(err)}") from err
        places += opened
    return places, np.concatenate(answers)


def _open_upright(content: bytes) -> Image.Image | None:
    """A whole picture in RGB, as Pillow alone opens it; None if it does not."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception:  # noqa: BLE001 - pictures that are damaged, rare or large
        return None


def _measure(found: Probabilities, expected: Probabilities) -> Agreement:
    differences = np.abs(found - expected)
    return Agreement(
        pictures=len(found),
        largest=float(differences.max()),
        mean=float(differences.max(axis=1).mean()),
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
