"""Converts arrays of any kind of number to pictures of 8 bits: scaled, never clipped."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


def from_array(pixels: npt.NDArray[Any]) -> Image.Image:
    """A decoder's (H, W) or (H, W, C) array of any real dtype to "L", "LA", "RGB" or "RGBA".

    Of more than four channels, which are no alpha, only the first three are used.

    Raises:
        ValueError: it has another shape.
    """
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        pixels = pixels[:, :, :3]
    if pixels.ndim not in (2, 3):
        raise ValueError(f"pixels of shape {pixels.shape}")
    return Image.fromarray(to_uint8(pixels))


def to_uint8(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Any real dtype to uint8 of the same shape.

    Integers of 16 bits are scaled by their type. Integers of 32 bits and floats do not state what
    white is: it is 1, 255 or 65535 if the largest number is closely below, else the largest number.
    If there are negative numbers, the smallest is black. NaN and infinities become mid-grey.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:  # of either byte order
        return (pixels >> 8).astype(np.uint8)
    numbers = pixels.astype(np.float32)
    finite = np.isfinite(numbers)
    if not finite.any():
        return np.full(numbers.shape, 127, dtype=np.uint8)
    low, high = float(numbers[finite].min()), float(numbers[finite].max())
    if low >= 0:
        is_float = np.issubdtype(pixels.dtype, np.floating)
        low, high = 0.0, 1.0 if is_float and high <= 1 else _guess_white(high)
    # The distance from -3e38 to 3e38 overflows float32.
    with np.errstate(over="ignore"):
        shifted = np.where(finite, numbers, (low + high) / 2) - low
    scaled = shifted * (255.0 / max(high - low, 1e-30))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _guess_white(high: float) -> float:
    return next((white for white in (255.0, 65535.0) if white / 16 < high <= white), high)
