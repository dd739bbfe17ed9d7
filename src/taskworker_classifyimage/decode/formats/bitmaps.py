"""Formats that store rows of pixels, or blocks of them, and need no library but Pillow."""

from itertools import product

import numpy as np
from PIL import Image, ImageFile

from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import Reopen, by_canvas


class Gif(Format):
    """GIF, whose first frame may be smaller than the picture."""

    name = pillow_name = "GIF"
    module = "PIL.GifImagePlugin"
    signatures = (b"GIF87a", b"GIF89a")

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        pictures = reopen(encoded), reopen(encoded)
        for picture in pictures:
            # Otherwise Pillow replaces the canvas of a transparent GIF.
            vars(picture.image)["_frame_transparency"] = None
        image = pictures[0].image
        tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
        return by_canvas(*pictures, tiles[0].extents if tiles else None)


class Bmp(Format):
    """BMP."""

    name = pillow_name = "BMP"
    module = "PIL.BmpImagePlugin"
    signatures = (b"BM",)


class Dds(Format):
    """DDS."""

    name = pillow_name = "DDS"
    module = "PIL.DdsImagePlugin"
    signatures = (b"DDS ",)

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        return 16.0


class Pnm(Format):
    """PBM, PGM, PPM and PFM."""

    name, pillow_name = "PNM", "PPM"
    module = "PIL.PpmImagePlugin"
    # A letter for the kind, then white space or a comment.
    signatures = tuple(b"P%c%c" % pair for pair in product(b"123456f", b" \t\r\n#"))

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:
        """Numbers in digits are parsed one by one."""
        tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
        if any(tile.codec_name == "ppm_plain" for tile in tiles):
            return 60.0
        return super().loading_bytes(image, least_side)

    def correct(self, image: Image.Image) -> Image.Image:
        """Pillow has scaled wide numbers to 16 bits, by the white that the header states."""
        if image.mode == "I":
            return Image.fromarray(np.asarray(image).astype(np.uint16))
        return image


class Pcx(Format):
    """PCX."""

    name = pillow_name = "PCX"
    module = "PIL.PcxImagePlugin"
    # A version, then the only encoding.
    signatures = tuple(b"\x0a%c\1" % version for version in (0, 2, 3, 4, 5))


class Tga(Format):
    """TGA, which has no signature: every field of the header has to be plausible."""

    name = pillow_name = "TGA"
    module = "PIL.TgaImagePlugin"

    def recognises(self, encoded: bytes) -> bool:
        if len(encoded) < 18:
            return False
        has_palette, kind, bits, descriptor = encoded[1], encoded[2], encoded[16], encoded[17]
        return (
            has_palette in (0, 1)
            and kind in (1, 2, 3, 9, 10, 11)
            and bits in (1, 8, 15, 16, 24, 32)
            and descriptor & 0xC0 == 0
            and (has_palette == 1 or encoded[3:8] == bytes(5))
            and encoded[12:14] != b"\0\0"
            and encoded[14:16] != b"\0\0"
        )

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:
        """With a copy, if its alpha is 0 everywhere."""
        return 4.0 + super().loading_bytes(image, least_side)

    def correct(self, image: Image.Image) -> Image.Image:
        """Ignores alpha that is 0 everywhere: programs that do not support alpha write that."""
        if image.mode == "RGBA" and not image.getchannel("A").getbbox():
            return image.convert("RGB")
        return image
