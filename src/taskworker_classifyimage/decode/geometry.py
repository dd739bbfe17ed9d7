"""A picture's size to the square that a network wants to see."""

import math
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.model import InputSpec
from taskworker_classifyimage.decode.colour import GROUND

#: How much larger than the network's input a JPEG's centre is decoded, at least. Measured on 100
#: photographs of 12 megapixels: a quarter of the whole picture's time, the same top-1 accuracy,
#: probabilities of Lite2 moved by 0.012 (median) and 0.09 (most); with 1 by up to 0.11.
_LEAST_SCALE: Final = 2.0

#: Below this share of a pixel's surroundings, what is there says nothing about it.
_LEAST_WEIGHT: Final = 0.01

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
    there are none at all, the neutral ground shows.

    Args:
        image: the picture.
        mask: (H, W), true where a pixel is there.
        spec: what the network wants to see.
    """
    # Weights below 0, as sharper filters have, have no meaning here.
    spec = replace(spec, resize="bilinear")
    weights = mask.astype(np.float32)
    whole = np.asarray(to_square(Image.fromarray(weights), spec))
    channels = [
        np.asarray(to_square(Image.fromarray(np.asarray(channel) * weights), spec))
        for channel in image.split()
    ]
    colours = np.stack(channels, axis=-1) / np.maximum(whole, 1e-6)[:, :, np.newaxis]
    colours[whole < _LEAST_WEIGHT] = GROUND
    return Image.fromarray(np.rint(colours).clip(0, 255).astype(np.uint8))
