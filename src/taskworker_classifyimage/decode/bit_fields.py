"""Pixels whose channels are fields of bits, as in BMP, TGA and DDS."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


def read_words(
    content: bytes, width: int, height: int, bits: int, row_bytes: int
) -> tuple[npt.NDArray[np.uint32], int]:
    """(H, W) little-endian numbers of 8, 16, 24 or 32 bits, and how many rows are there."""
    rows = min(height, len(content) // row_bytes) if row_bytes else 0
    padded = content[: height * row_bytes].ljust(height * row_bytes, b"\0")
    packed = np.frombuffer(padded, np.uint8).reshape(height, row_bytes)
    count = bits // 8
    single = packed[:, : width * count].reshape(height, width, count)
    words = np.zeros((height, width), np.uint32)
    for at in range(count):
        words |= single[:, :, at].astype(np.uint32) << np.uint32(8 * at)
    return words, rows


def take_field(words: npt.NDArray[np.uint32], mask: int) -> npt.NDArray[np.uint8]:
    """The field that a mask selects, scaled to 8 bits."""
    if not mask:
        return np.zeros(words.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    field = (words & np.uint32(mask)) >> np.uint32(shift)
    if most > 255:
        drop = most.bit_length() - 8
        field, most = field >> np.uint32(drop), most >> drop
    return ((field * np.uint32(255) + np.uint32(most // 2)) // np.uint32(most)).astype(np.uint8)


def to_image(words: npt.NDArray[np.uint32], masks: Sequence[int]) -> Image.Image:
    """Words to a picture, by the masks of red, green, blue and alpha; alpha may be 0."""
    count = 4 if len(masks) > 3 and masks[3] else 3
    pixels: npt.NDArray[Any] = np.empty((*words.shape, count), np.uint8)
    for at in range(count):
        pixels[:, :, at] = take_field(words, masks[at])
    return Image.fromarray(pixels)


def read_indices(
    content: bytes, width: int, height: int, bits: int, row_bytes: int
) -> tuple[npt.NDArray[np.uint8], int]:
    """(H, W) numbers of 1, 2, 4 or 8 bits, the highest first, and how many rows are there."""
    rows = min(height, len(content) // row_bytes) if row_bytes else 0
    padded = content[: height * row_bytes].ljust(height * row_bytes, b"\0")
    packed = np.frombuffer(padded, np.uint8).reshape(height, row_bytes)
    in_byte = 8 // bits
    numbers = np.empty((height, row_bytes, in_byte), np.uint8)
    for at in range(in_byte):
        numbers[:, :, at] = packed >> (8 - bits * (at + 1)) & ((1 << bits) - 1)
    return numbers.reshape(height, -1)[:, :width], rows


def look_up(indices: npt.NDArray[Any], palette: npt.NDArray[np.uint8]) -> Image.Image:
    """(H, W) numbers to the colours of an (N, 3) or (N, 4) palette; others are black."""
    count = max(int(indices.max(initial=0)) + 1, len(palette))
    padded = np.zeros((count, palette.shape[1] if len(palette) else 3), np.uint8)
    padded[: len(palette)] = palette
    return Image.fromarray(padded[indices])
