"""TIFF (TIFF 6.0; BigTIFF)."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import tiff_colours, tiff_samples
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
_OLD_JPEG, _JPEG = 6, 7
#: Bits of one sample that Pillow decodes.
_FEW_BITS: Final = (1, 2, 4)
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
    imports = ("imagecodecs:tiff_decode", "imagecodecs:lzw_decode", "imagecodecs:packbits_decode")
    is_rare = True
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
        if _is_made_of_samples(directory):
            return 10.0 + 5 * first_value(directory, tiff.SAMPLES) * max(bits, 8) / 8
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
        decoder = describe_library(_CODECS)
        if not _is_made_of_samples(directory):
            image = _decode_rare(encoded, directory)
            return Picture(image, width, height, orientation, False, decoder)
        image, known = _decode_samples(encoded)
        picture = Picture(image, width, height, orientation, False, decoder)
        return picture if known.all() else replace(picture, mask=known, share=float(known.mean()))

    def repair(self, encoded: bytes) -> tuple[bytes, str] | None:
        """Names kinds of JPEG within a TIFF that no decoder here decodes."""
        directory = next(tiff.read_directories(encoded), {})
        compression = first_value(directory, tiff.COMPRESSION)
        if compression == _OLD_JPEG:
            raise UnsupportedFormat("the file is a TIFF with JPEG of the old kind, not decoded")
        if compression == _JPEG and first_value(directory, tiff.BITS) > 8:
            raise UnsupportedFormat("the file is a TIFF with JPEG of more than 8 bits, not decoded")
        return None

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
        _is_made_of_samples(directory)
        or 8 < bits < 16
        or (bits == 32 and first_value(directory, tiff.SAMPLE_FORMAT) == _UNSIGNED)
        or (bits > 8 and (is_planar or photometric == _WHITE_IS_ZERO))
        or (is_planar and photometric == _LAB)
        or first_value(directory, tiff.COMPRESSION) == _WEBP
    )


def _is_made_of_samples(directory: Directory) -> bool:
    """Whether no library here decodes the samples, or turns them to the right colours."""
    bits, photometric = first_value(directory, tiff.BITS), first_value(directory, tiff.PHOTOMETRIC)
    samples, planar = first_value(directory, tiff.SAMPLES), first_value(directory, tiff.PLANAR)
    if (
        first_value(directory, tiff.COMPRESSION) not in tiff_samples.COMPRESSIONS
        or first_value(directory, tiff.SAMPLE_FORMAT) != _UNSIGNED
        or len({*directory.get(tiff.BITS, ())}) > 1
        or not 0 < samples <= _MAX_SAMPLES
    ):
        return False
    return (
        (bits == 8 and tiff.TILE_WIDTH in directory and tiff_samples.TILE_OFFSETS not in directory)
        or (bits < 8 and (samples > 1 or bits not in _FEW_BITS))
        or (photometric == tiff_colours.YCBCR and bits == 8)
        or (photometric == tiff_colours.PALETTE and bits == 16)
        or (photometric == tiff_colours.CMYK and samples > 4 and bits in (8, 16))
        or (photometric == tiff_colours.CMYK and planar == _PLANES and bits == 16)
    )


def _decode_samples(encoded: bytes) -> tuple[Image.Image, npt.NDArray[np.bool_]]:
    """The picture, and (H, W) which pixels are in the file."""
    codecs = import_library(_CODECS, "a TIFF of a rare kind")
    unpack: dict[int, tiff_samples.Unpack] = {
        5: lambda content, most: codecs.lzw_decode(content, out=most),
        # Each byte becomes 64 at most.
        32773: lambda content, most: codecs.packbits_decode(content[: 2 * most]),
    }
    layout = tiff_samples.read_layout(encoded)
    pixels, known = tiff_samples.read_samples(encoded, layout, unpack)
    return tiff_colours.to_image(pixels, layout), known


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
