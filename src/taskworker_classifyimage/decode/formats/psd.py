"""PSD and PSB: the merged picture of a Photoshop file."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import psd
from taskworker_classifyimage.decode.arrays import to_uint8
from taskworker_classifyimage.decode.colour import to_srgb
from taskworker_classifyimage.decode.formats.base import Format, import_library
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import by_rows
from taskworker_classifyimage.decode.transfer import to_gamma

_SHADES: Final = 256
_INVERTED: Final = [255 - value for value in range(256)]


class Psd(Format):
    """PSD, and PSB for huge pictures; only the merged picture is decoded, never a layer."""

    name = "PSD"
    library = module = "imagecodecs"
    imports = ("imagecodecs:packbits_decode",)
    is_rare = True
    signatures = (b"8BPS\0\1", b"8BPS\0\2")

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        width, height = encoded[18:22], encoded[14:18]
        yield int.from_bytes(width, "big"), int.from_bytes(height, "big")

    def opening_bytes(self, encoded: bytes) -> float:
        """The channels in their own numbers, in 8 bits, and as a picture; floats once more."""
        header = psd.read_header(encoded)
        stored = header.wanted * max(header.bits, 8) / 8
        return 2 * header.wanted + (4 if header.bits == 32 else 2) * stored + 4

    def open(self, encoded: bytes) -> Picture:
        header = psd.read_header(encoded)
        image, known = _read_image(encoded, header)
        picture = Picture(image, *image.size, None, False, self.describe_decoder())
        return by_rows(picture, known)


def _read_image(encoded: bytes, header: psd.Header) -> tuple[Image.Image, npt.NDArray[np.bool_]]:
    codecs = import_library("imagecodecs", "a PSD picture")
    unpack: Callable[[bytes], bytes] = codecs.packbits_decode
    planes, known = psd.read_planes(encoded, header, unpack)
    image = _to_image(planes, header)
    if header.exif:
        image.info["exif"] = header.exif
    return image, known


def _to_image(planes: npt.NDArray[Any], header: psd.Header) -> Image.Image:
    if header.mode == psd.BITMAP:
        return Image.fromarray((1 - planes[0]) * np.uint8(255))
    profile = header.profile
    if header.bits == 32:
        planes, profile = _to_gamma(planes), None
    bands = [Image.fromarray(to_uint8(plane)) for plane in planes]
    alpha = bands.pop() if header.has_alpha else None
    if header.mode == psd.PALETTE and len(header.palette) == 3 * _SHADES:
        image = bands[0].copy()
        shades = np.frombuffer(header.palette, np.uint8).reshape(3, _SHADES).T
        image.putpalette(shades.tobytes())
        if header.transparent is not None:
            image.info["transparency"] = header.transparent
        return image
    if len(bands) == 4:
        # Ink is stored as its opposite.
        image = Image.merge("CMYK", [band.point(_INVERTED) for band in bands])
    elif len(bands) == 1:
        image = bands[0]
    else:
        image = Image.merge("LAB" if header.mode == psd.LAB else "RGB", bands)
    if alpha is not None:
        if image.mode in ("CMYK", "LAB"):  # these have no mode with alpha
            image, _ = to_srgb(image, profile)
            profile = None
        image.putalpha(alpha)
    if profile:
        image.info["icc_profile"] = profile
    return image


def _to_gamma(linear: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Linear floats to 8 bits of sRGB."""
    gamma: npt.NDArray[np.uint8] = np.rint(to_gamma(np.nan_to_num(linear)) * 255).astype(np.uint8)
    return gamma
