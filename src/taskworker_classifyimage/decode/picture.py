"""What a picture may cost, and what decoding makes of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a picture may cost.

    Attributes:
        file_bytes: largest encoded file, checked while it is read.
        pixels: largest width times height, checked on the header before anything is decoded.
    """

    file_bytes: int = 256 * 2**20
    pixels: int = 200_000_000


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What decoding found out about a picture.

    Attributes:
        format: found by content, such as "JPEG".
        width: in pixels, as stored.
        height: in pixels, as stored.
        orientation: by EXIF, 1 to 8; how the stored picture was turned to be upright.
        decoder: library and version, such as "Pillow 12.0.0, libjpeg-turbo 3.1.2".
        warnings: what an examiner has to know of how it was decoded.
    """

    format: str
    width: int
    height: int
    orientation: int
    decoder: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as a network wants to see it.

    Attributes:
        pixels: (S, S, 3) uint8 RGB, 0 to 255.
    """

    pixels: npt.NDArray[np.uint8]
    facts: PictureFacts
