"""Preprocessing as sources do it themselves, with Pillow, for the comparison from files on.

A pack's description has no part in it, or a mistake there would be on both sides.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image


def cut_square(
    image: Image.Image, side: int, resample: Image.Resampling, resized_to: int | None = None
) -> npt.NDArray[np.float32]:
    """The middle of an image: (side, side, 3) float32 RGB, 0 to 255.

    Args:
        image: upright, RGB, of any size.
        side: of the square, in pixels.
        resample: the filter.
        resized_to: what the shorter side is made first; None: the same as `side`.
    """
    shorter = resized_to or side
    width, height = image.size
    if width <= height:
        size = shorter, int(shorter * height / width)
    else:
        size = int(shorter * width / height), shorter
    resized = image.resize(size, resample)
    left, top = (round((length - side) / 2) for length in size)
    return np.asarray(resized.crop((left, top, left + side, top + side)), np.float32)


def stretch(image: Image.Image, side: int, resample: Image.Resampling) -> npt.NDArray[np.float32]:
    """The whole image, made a square: (side, side, 3) float32 RGB, 0 to 255."""
    return np.asarray(image.resize((side, side), resample), np.float32)
