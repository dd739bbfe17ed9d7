"""Formats that store rows of pixels, or blocks of them, and need no library but Pillow."""

from itertools import product

import numpy as np
from PIL import Image, ImageFile

from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import Reopen, by_canvas

#: Of a PNM file with numbers in digits: each number of the last two blocks is an object in a list,
#: and has a digit and a blank at least.
_NUMBERS_IN_TWO_BLOCKS, _NUMBER_BYTES = 2 * ImageFile.SAFEBLOCK // 2, 48.0
#: What has been parsed, as bytes that grow, and as the image's own.
_PLAIN_PIXEL_BYTES = 8.0


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


class Pnm(Format):
    """PBM, PGM, PPM and PFM."""

    name, pillow_name = "PNM", "PPM"
    module = "PIL.PpmImagePlugin"
    # A letter for the kind, then white space or a comment.
    signatures = tuple(b"P%c%c" % pair for pair in product(b"123456f", b" \t\r\n#"))

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:
        """Numbers in digits are parsed one by one, in blocks of a mebibyte."""
        loading = super().loading_bytes(image, least_side)
        tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
        if any(tile.codec_name == "ppm_plain" for tile in tiles):
            pixels = image.width * image.height
            numbers = min(pixels * len(image.getbands()), _NUMBERS_IN_TWO_BLOCKS)
            loading += _PLAIN_PIXEL_BYTES + _NUMBER_BYTES * numbers / pixels
        return loading

    def correct(self, image: Image.Image) -> Image.Image:
        """Pillow has scaled wide numbers to 16 bits, by the white that the header states."""
        if image.mode == "I":
            return Image.fromarray(np.asarray(image).astype(np.uint16))
        return image
