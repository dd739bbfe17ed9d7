"""JPEG (ITU-T T.81)."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import jpeg_segments as segments
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import NOISE, Reopen

_END_OF_IMAGE: Final = b"\xff\xd9"
#: Sides of a JPEG can be decoded at these parts.
_SCALES: Final = (8, 4, 2)
#: Fewer zeros than this at the end of a file may be part of the picture.
_MIN_ZEROS: Final = 64


class Jpeg(Format):
    """JPEG; a truncated file shows the blocks before the cut."""

    name = pillow_name = "JPEG"
    module = "PIL.JpegImagePlugin"
    codec = ("libjpeg_turbo", "libjpeg-turbo")
    imports = ("PIL.MpoImagePlugin",)
    signatures = (b"\xff\xd8\xff",)
    #: Two versions of brightness, at an eighth of the sides.
    salvaging_bytes = 4.0

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:
        """Little if it is scaled down; a progressive one is held as coefficients all the same."""
        bands = len(image.getbands())
        coefficients = 2.2 * bands if "progressive" in image.info else 0.5
        scale = next((scale for scale in _SCALES if min(image.size) // scale >= least_side), 1)
        return coefficients + (bands + 2.0) / scale**2

    def is_other_kind(self, encoded: bytes) -> bool:
        return segments.is_other_kind(encoded)

    def is_truncated(self, encoded: bytes) -> bool:
        """Whether the end was never written; most truncated files are noticed only by decoding."""
        return len(_drop_overwritten_end(encoded)) < len(encoded)

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Finds the first block that depends on what replaces the missing bytes."""
        encoded = segments.drop_cut_segment(_drop_overwritten_end(encoded))
        # Half a marker would combine with the first byte of the replacement.
        encoded = encoded.rstrip(b"\xff")
        picture = reopen(encoded + _END_OF_IMAGE)
        is_progressive = segments.is_progressive(encoded)
        first, across, down = _decode_eighth(encoded + _END_OF_IMAGE, reopen)
        height, width = first.shape
        mask = np.ones((height, width), dtype=np.bool_)
        if is_progressive and segments.has_second_scan(encoded):
            # The first pass covers the whole picture.
            return replace(picture, mask=mask, is_coarse=True)
        second, _, _ = _decode_eighth(encoded + NOISE + _END_OF_IMAGE, reopen)
        differs = np.abs(first - second) > 2
        share = 1.0
        if differs.any():
            # Blocks are stored row by row: all behind the first replaced one are missing.
            row = int(differs.any(axis=1).argmax()) // down * down
            column = int(differs[row : row + down].any(axis=0).argmax()) // across * across
            mask[row:] = False
            share = (row + column / width * down) / height
        return replace(picture, mask=mask, share=min(share, 1.0), is_coarse=is_progressive)


def _drop_overwritten_end(encoded: bytes) -> bytes:
    """Removes zeros in place of the end, as in half-written and carved files."""
    if not encoded.endswith(bytes(_MIN_ZEROS)) or segments.has_end(encoded):
        return encoded
    return encoded.rstrip(b"\0")


def _decode_eighth(encoded: bytes, reopen: Reopen) -> tuple[npt.NDArray[np.int16], int, int]:
    """(H/8, W/8) brightness, a pixel a block of 8 x 8, and columns and rows of blocks in a unit.

    A unit (MCU) is what the decoder decodes in one step.
    """
    image = reopen(encoded).image
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", []) or [(1, 1, 1, 0)]
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    image.draft("L", (1, 1))
    image.load()
    return np.asarray(image.convert("L")).astype(np.int16), across, down
