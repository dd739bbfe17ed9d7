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
