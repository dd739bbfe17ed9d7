"""TIFFs of kinds that Pillow does not know, or takes for something else."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import tiff
from taskworker_classifyimage.decode.arrays import from_array, to_bytes
from taskworker_classifyimage.decode.tiff import Directory, first
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat, one_line

_MOST_SAMPLES: Final = 16

#: Photometric interpretations (TIFF 6.0).
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK, _YCBCR, _LAB = 0, 1, 2, 5, 6, 8
_UNSIGNED: Final = 1
_PLANES: Final = 2
#: Pillow's wheels come without it, imagecodecs' with it.
_WEBP: Final = 50001
#: What libtiff says of kinds that it does not decode.
_NOT_DONE: Final = ("not implemented", "not configured", "can not handle")


def is_rare(directory: Directory) -> bool:
    """Whether Pillow would decode it to something else, without a word (as 13.0 does)."""
    bits, photometric = first(directory, tiff.BITS), first(directory, tiff.PHOTOMETRIC)
    is_planar = first(directory, tiff.PLANAR) == _PLANES and first(directory, tiff.SAMPLES) > 1
    return (
        8 < bits < 16
        or (bits == 32 and first(directory, tiff.SAMPLE_FORMAT) == _UNSIGNED)
        or (bits > 8 and (is_planar or photometric == _WHITE_IS_ZERO))
        or (is_planar and photometric == _LAB)
        or first(directory, tiff.COMPRESSION) == _WEBP
    )


def open_rare_tiff(encoded: bytes, directory: Directory) -> Image.Image:
    """The first picture of a TIFF, its pixels decoded, of 8 bits.

    Raises:
        DamagedPicture: it cannot be decoded.
        UnsupportedFormat: the library for it is not installed, or does not know it either.
    """
    try:
        import imagecodecs  # noqa: PLC0415 - heavy, and such files are rare
    except ImportError:
        raise UnsupportedFormat(
            "the file is a TIFF of a rare kind, and imagecodecs, which decodes it, is not installed"
        ) from None
    if first(directory, tiff.SAMPLES) > _MOST_SAMPLES:
        raise UnsupportedFormat("the TIFF has more channels than a picture")
    try:
        pixels = imagecodecs.tiff_decode(encoded, index=0)
    except Exception as err:
        if any(words in str(err) for words in _NOT_DONE):
            raise UnsupportedFormat(
                f"the file is a TIFF of a kind that is not decoded: {one_line(err)}"
            ) from None
        raise DamagedPicture(f"the TIFF picture is damaged: {one_line(err)}") from err
    if pixels.ndim == 3 and first(directory, tiff.PLANAR) == _PLANES:
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.dtype == np.uint16:
        pixels <<= max(16 - first(directory, tiff.BITS), 0)
    return _coloured(to_bytes(pixels), first(directory, tiff.PHOTOMETRIC))


def _coloured(pixels: npt.NDArray[np.uint8], photometric: int) -> Image.Image:
    """(H, W) or (H, W, C) numbers as the colours that they stand for."""
    if photometric == _WHITE_IS_ZERO:
        return from_array(255 - pixels)
    if photometric in (_BLACK_IS_ZERO, _RGB, _YCBCR):  # the last one is converted by libtiff
        return from_array(pixels)
    for kind, mode in ((_CMYK, "CMYK"), (_LAB, "LAB")):
        if photometric == kind and pixels.ndim == 3 and pixels.shape[2] >= len(mode):
            height, width = pixels.shape[:2]
            channels: Any = pixels[:, :, : len(mode)]
            return Image.frombytes(mode, (width, height), channels.tobytes())
    raise UnsupportedFormat(f"the file is a TIFF in colours that are not decoded: {photometric}")
