"""A pack's description has to agree with the source's own preprocessing, from the files on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from support.packs import IDS, SIZE, colour_network
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing import check
from taskworker_classifyimage.packing.comparison import (
    Comparison,
    compare,
    compute_scores,
    load_pictures,
)
from taskworker_classifyimage.packing.network import PackOptions, Scores
from taskworker_classifyimage.packing.onnx_source import open_onnx
from taskworker_classifyimage.packing.pack_writer import write_pack

OURS = PackOptions(classes=OwnClasses(tuple(IDS), {}), crop=1.0, resize="lanczos", kind="logits")
Prepare = Callable[[Image.Image], Image.Image]


def compared(folder: Path, prepare: Prepare) -> Comparison:
    """The network of means, whose own preprocessing is `prepare`."""
    path = folder / "ours.onnx"
    path.write_bytes(colour_network().SerializeToString())
    network = open_onnx(path, OURS)

    def answer(images: Sequence[Image.Image]) -> Scores:
        return network.scores(np.stack([np.asarray(prepare(image)) for image in images]))

    network = replace(network, scores_of_images=answer)
    sideways = Image.new("RGB", (40, 20), "red")
    sideways.paste("blue", (0, 0, 20, 20))
    exif = sideways.getexif()
    exif[0x0112] = 6
    sideways.save(folder / "sideways.jpg", exif=exif)
    (folder / "pack").mkdir()
    pictures = load_pictures(network.input, [folder / "sideways.jpg"])
    scores = compute_scores(network, pictures.pixels)
    return compare(
        write_pack(network, OURS, scores, folder / "pack"), network, scores, pictures, 1e-3
    )


def test_the_same_preprocessing_agrees_from_the_files_on(tmp_path: Path) -> None:
    """Resampling differs by a level or two; what a camera turned is turned on both sides."""
    square = (SIZE, SIZE)
    comparison = compared(
        tmp_path, lambda image: ImageOps.fit(image, square, Image.Resampling.LANCZOS)
    )
    assert comparison.from_files is not None
    assert comparison.from_files.pictures == 21
    assert comparison.from_files.largest < 0.01
    check(comparison, "ours.onnx")


@pytest.mark.parametrize(
    "prepare",
    [
        lambda image: ImageOps.fit(image, (SIZE, SIZE), centering=(0, 0)),
        lambda image: Image.fromarray(np.asarray(image)[..., ::-1]).resize((SIZE, SIZE)),
        lambda image: ImageOps.fit(image, (SIZE, SIZE)).point(lambda value: value // 2),
    ],
    ids=["another crop", "another order of channels", "another scaling"],
)
def test_another_preprocessing_is_refused(tmp_path: Path, prepare: Prepare) -> None:
    """For the same pixels both give the same answers, so nothing else would show it."""
    comparison = compared(tmp_path, prepare)
    assert comparison.largest < 1e-6
    with pytest.raises(ModelError, match=r"in its own way, .* are not as described"):
        check(comparison, "ours.onnx")
