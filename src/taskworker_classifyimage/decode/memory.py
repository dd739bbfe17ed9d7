"""What decoding takes in memory, estimated by the header before anything is decoded.

Measured in bytes a pixel on pictures of 1 and 16 megapixels: the peak of the process without the
encoded file, through decoding, conversion and resize. The figures here are rounded up.
"""

from typing import Final

from taskworker_classifyimage.decode.picture import DecodeLimits
from taskworker_classifyimage.errors import NeedsMemory

#: What any picture takes, besides its pixels; with a thumbnail, which takes up to a megabyte of it.
_LEAST_BYTES: Final = 7 * 2**20
#: By Pillow's mode of the decoded picture.
_BY_MODE: Final = {
    "1": 2.0,
    "L": 2.0,
    "P": 6.5,
    "RGB": 5.0,
    "CMYK": 5.0,
    "LAB": 5.0,
    "YCbCr": 9.0,
    "I;16": 10.0,
    "I;16B": 10.0,
    "I": 29.0,
    "F": 36.0,
}
#: With alpha, or in a mode that is hardly ever met.
_OTHERS: Final = 11.0


def bytes_a_pixel(mode: str, *, is_transparent: bool = False) -> float:
    """What a decoded picture of a mode takes until it is resized, in bytes a pixel."""
    return max(_BY_MODE.get(mode, _OTHERS), _OTHERS if is_transparent else 0.0)


def check_memory(encoded: bytes, pixels: int, a_pixel: float, limits: DecodeLimits) -> None:
    """Compares what is needed with what there is.

    Args:
        encoded: the file, of which the decoder has a copy.
        pixels: that are decoded.
        a_pixel: bytes a pixel.
        limits: with the memory that there is.

    Raises:
        NeedsMemory: more is needed.
    """
    needed_bytes = len(encoded) + _LEAST_BYTES + int(pixels * a_pixel)
    if limits.memory_bytes is not None and needed_bytes > limits.memory_bytes:
        raise NeedsMemory(needed_bytes, limits.memory_bytes)
