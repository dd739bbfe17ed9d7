"""A picture's size to the square that a network wants to see."""

import math
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode.colour import GROUND
from taskworker_classifyimage.input_spec import InputSpec

#: How much larger than the network's input a JPEG's centre is decoded, at least. Measured on 100
#: photographs of 12 megapixels: a quarter of the whole picture's time, the same top-1 accuracy,
#: probabilities of Lite2 moved by 0.012 (median) and 0.09 (most); with 1 by up to 0.11.
_LEAST_SCALE: Final = 2.0

#: Below this share of a pixel's surroundings, what is there says nothing about it.
_LEAST_WEIGHT: Final = 0.1

_RESAMPLING: Final = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def least_side(spec: InputSpec) -> int:
    """The shorter side, in pixels, below which nothing may be scaled before it is resized."""
    return math.ceil(_LEAST_SCALE * spec.size / (spec.crop or 1))


def to_square(image: Image.Image, spec: InputSpec) -> Image.Image:
    """A picture of any size to (S, S), mode kept: the centre, or the whole of it stretched."""
    width, height = image.size
    across, down = (width, height) if spec.crop is None else (min(width, height) * spec.crop,) * 2
    left, top = (width - across) / 2, (height - down) / 2
    return image.resize(
        (spec.size, spec.size), _RESAMPLING[spec.resize], (left, top, left + across, top + down)
    )


def to_square_of_part(
    image: Image.Image, mask: npt.NDArray[np.bool_], spec: InputSpec
) -> Image.Image:
    """RGB of which only some pixels are there to (S, S) RGB, made of nothing but those.

    Missing pixels carry no weight, so those of an interlaced picture are filled from around; where
    there are none near, the neutral ground shows.

    Args:
        image: the picture.
        mask: (H, W), true where a pixel is there.
        spec: what the network wants to see.
    """
    shown = Image.fromarray(mask).convert("L")
    image = Image.composite(image, Image.new("RGB", image.size), shown)
    # What a huge picture has too many of is worth no numbers of 32 bits each.
    factor = max(1, min(image.size) // (4 * spec.size))
    image, shown = image.reduce(factor), shown.reduce(factor)
    square = np.full((spec.size, spec.size, 3), GROUND, dtype=np.float32)
    # An interlaced picture that is worth showing has at least every fourth row.
    coarse = max(1, min(spec.size, *image.size) // 4)
    for size in (coarse, spec.size):
        colours, weight = _weighed(image, shown, size, spec)
        square = np.where(weight >= _LEAST_WEIGHT, colours, square)
    return Image.fromarray(np.rint(square).clip(0, 255).astype(np.uint8))


def _weighed(
    image: Image.Image, shown: Image.Image, size: int, spec: InputSpec
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(S, S, 3) mean colours of the pixels that are there, and (S, S, 1) how much of them there is.

    Computed with (size, size) pixels. Of filters only those without weights below 0 mean anything.
    """
    small = replace(spec, size=size, resize="bilinear")

    def shrunk(band: Image.Image) -> npt.NDArray[np.float32]:
        square = to_square(band.convert("F"), small)
        return np.array(square.resize((spec.size, spec.size), Image.Resampling.BILINEAR))

    weight = shrunk(shown)[:, :, np.newaxis]
    weight /= 255
    colours = np.stack([shrunk(band) for band in image.split()], axis=-1)
    colours /= np.maximum(weight, 1e-6)
    return colours, weight
