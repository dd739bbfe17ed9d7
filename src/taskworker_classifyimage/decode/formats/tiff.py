"""TIFF (TIFF 6.0; BigTIFF)."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import tiff_directories as tiff
from taskworker_classifyimage.decode.arrays import from_array, to_uint8
from taskworker_classifyimage.decode.formats.base import Format, describe_library, import_library
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.tiff_directories import Directory, first_value
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat, one_line

#: The library for what Pillow does not decode, or decodes wrongly.
_CODECS: Final = "imagecodecs"
_MAX_SAMPLES: Final = 16

#: Photometric interpretations (TIFF 6.0).
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK, _YCBCR, _LAB = 0, 1, 2, 5, 6, 8
_UNSIGNED: Final = 1
_PLANES: Final = 2
#: Pillow's wheels come without it, imagecodecs' with it.
_WEBP: Final = 50001
#: What libtiff says of kinds that it does not decode.
_NOT_IMPLEMENTED: Final = ("not implemented", "not configured", "can not handle")


class Tiff(Format):
    """TIFF, which Pillow decodes, or imagecodecs where Pillow cannot."""

    name = pillow_name = "TIFF"
    module = "PIL.TiffImagePlugin"
    codec = ("libtiff", "libtiff")
    imports = ("imagecodecs:tiff_decode",)
    signatures = tiff.SIGNATURES

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        """The picture and its tiles: a tile is decoded whole, however little of it is needed."""
        for directory in islice(tiff.read_directories(encoded), 1):
            yield first_value(directory, tiff.WIDTH, 0), first_value(directory, tiff.LENGTH, 0)
            yield first_value(directory, tiff.TILE_WIDTH), first_value(directory, tiff.TILE_LENGTH)

    def opening_bytes(self, encoded: bytes) -> float:
        """What Pillow does not decode is decoded at once; wide numbers are converted as floats."""
        directory = next(tiff.read_directories(encoded), {})
        if self._open_common(encoded, directory):
            return 0.0
        bits = first_value(directory, tiff.BITS)
        stored = first_value(directory, tiff.SAMPLES) * bits / 8
        return max(12.0, (6.5 if bits > 16 else 4.5) * stored + 4.0)

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:
        """Planes and tiles are put together."""
        return 2.0 + super().loading_bytes(image, least_side)

    def open(self, encoded: bytes) -> Picture:
        directory = next(tiff.read_directories(encoded), None)
        if directory is None:
            raise DamagedPicture("the TIFF picture is truncated: its directory is missing")
        width, height = (first_value(directory, tag, 0) for tag in (tiff.WIDTH, tiff.LENGTH))
        orientation = tiff.read_orientation(directory)
        if image := self._open_common(encoded, directory):
            return Picture(image, width, height, orientation, True, self.describe_decoder())
        image = _decode_rare(encoded, directory)
        return Picture(image, width, height, orientation, False, describe_library(_CODECS))

    def _open_common(self, encoded: bytes, directory: Directory) -> Image.Image | None:
        """Opens a file of a kind that Pillow decodes; None for all others."""
        if _is_rare(directory):
            return None
        with suppress(DamagedPicture):
            return self.open_image(encoded)
        return None


def _is_rare(directory: Directory) -> bool:
    """Whether Pillow would decode wrong pixels without an error (as 13.0 does)."""
    bits, photometric = first_value(directory, tiff.BITS), first_value(directory, tiff.PHOTOMETRIC)
    samples, planar = first_value(directory, tiff.SAMPLES), first_value(directory, tiff.PLANAR)
    is_planar = planar == _PLANES and samples > 1
    return (
        8 < bits < 16
        or (bits == 32 and first_value(directory, tiff.SAMPLE_FORMAT) == _UNSIGNED)
        or (bits > 8 and (is_planar or photometric == _WHITE_IS_ZERO))
        or (is_planar and photometric == _LAB)
        or first_value(directory, tiff.COMPRESSION) == _WEBP
    )


def _decode_rare(encoded: bytes, directory: Directory) -> Image.Image:
    """The first picture, its pixels decoded and of 8 bits.

    Raises:
        DamagedPicture: it cannot be decoded.
        UnsupportedFormat: the library is not installed, or does not decode this kind either.
    """
    codecs = import_library(_CODECS, "a TIFF of a rare kind")
    if first_value(directory, tiff.SAMPLES) > _MAX_SAMPLES:
        raise UnsupportedFormat("the TIFF has more channels than a picture")
    try:
        pixels = codecs.tiff_decode(encoded, index=0)
    except Exception as err:
        if any(words in str(err) for words in _NOT_IMPLEMENTED):
            raise UnsupportedFormat(
                f"the file is a TIFF of a kind that is not decoded: {one_line(err)}"
            ) from None
        raise DamagedPicture(f"the TIFF picture is damaged: {one_line(err)}") from err
    if pixels.ndim == 3 and first_value(directory, tiff.PLANAR) == _PLANES:
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.dtype == np.uint16:
        pixels <<= max(16 - first_value(directory, tiff.BITS), 0)
    return _to_image(to_uint8(pixels), first_value(directory, tiff.PHOTOMETRIC))


def _to_image(pixels: npt.NDArray[np.uint8], photometric: int) -> Image.Image:
    """(H, W) or (H, W, C) numbers to a picture in the colours that they stand for."""
    if photometric == _WHITE_IS_ZERO:
        return from_array(255 - pixels)
    if photometric in (_BLACK_IS_ZERO, _RGB, _YCBCR):  # libtiff converts YCbCr to RGB
        return from_array(pixels)
    mode = {_CMYK: "CMYK", _LAB: "LAB"}.get(photometric)
    if mode is None or pixels.ndim != 3 or pixels.shape[2] < len(mode):
        raise UnsupportedFormat(f"the file is a TIFF in colours not decoded here: {photometric}")
    height, width = pixels.shape[:2]
    return Image.frombytes(mode, (width, height), pixels[:, :, : len(mode)].tobytes())
