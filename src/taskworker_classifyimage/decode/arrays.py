"""Arrays of any kind of number to pictures of 8 bits: scaled, never clipped."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def from_array(pixels: npt.NDArray[Any]) -> Image.Image:
    """A decoder's (H, W) or (H, W, C) array of any real dtype to "L", "LA", "RGB" or "RGBA".

    Channels beyond the fourth are left out, they hold no colour.

    Raises:
        ValueError: it has another shape.
    """
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        pixels = pixels[:, :, :3]
    if pixels.ndim not in (2, 3):
        raise ValueError(f"pixels of shape {pixels.shape}")
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    height, width = pixels.shape[:2]
    return Image.frombuffer(
        _MODES[channels], (width, height), to_bytes(pixels).tobytes(), "raw", _MODES[channels], 0, 1
    )


def to_bytes(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Any real dtype to uint8 of the same shape.

    Whole numbers of 16 bits are scaled by their type. Those of 32 bits and floats do not tell what
    white is: 1, 255 or 65535 if the lightest lies closely below, else the lightest; with numbers
    below 0 the darkest becomes black. What is no number becomes mid-grey.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:  # of either byte order
        return (pixels >> 8).astype(np.uint8)
    numbers = pixels.astype(np.float32)
    known = np.isfinite(numbers)
    if not known.any():
        return np.full(numbers.shape, 127, dtype=np.uint8)
    low, high = float(numbers[known].min()), float(numbers[known].max())
    if low >= 0:
        is_float = np.issubdtype(pixels.dtype, np.floating)
        low, high = 0.0, 1.0 if is_float and high <= 1 else _white(high)
    # Nonsense such as from -3e38 to 3e38 is further apart than its type can say.
    with np.errstate(over="ignore"):
        shifted = np.where(known, numbers, (low + high) / 2) - low
    scaled = shifted * (255.0 / max(high - low, 1e-30))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _white(high: float) -> float:
    return next((white for white in (255.0, 65535.0) if white / 16 < high <= white), high)
