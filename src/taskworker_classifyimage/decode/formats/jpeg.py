"""JPEG (ITU-T T.81)."""

from contextlib import suppress
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import jpeg_segments as segments
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.jpeg_repair import without_metadata
from taskworker_classifyimage.decode.jpeg_scans import read_scans
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import NOISE, Reopen
from taskworker_classifyimage.errors import UnsupportedFormat

_START_OF_IMAGE: Final = b"\xff\xd8"
_END_OF_IMAGE: Final = b"\xff\xd9"
#: Sides of a JPEG can be decoded at these parts.
_SCALES: Final = (8, 4, 2)
#: Fewer zeros than this at the end of a file may be part of the picture.
_MIN_ZEROS: Final = 64
#: Each colour of a block that is missing, also inverted as Adobe writes CMYK.
_MISSING: Final = (127, 128)


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

    def recognises(self, encoded: bytes) -> bool:
        """Also where stray bytes lie before the first segment."""
        is_start = encoded.startswith(_START_OF_IMAGE)
        return super().recognises(encoded) or (
            is_start and segments.read_size(encoded, 0) != (0, 0)
        )

    def is_other_kind(self, encoded: bytes) -> bool:
        return segments.is_other_kind(encoded)

    def repair(self, encoded: bytes) -> tuple[bytes, str] | None:
        """Some kinds that are not decoded are noticed only by decoding."""
        if segments.is_other_kind(encoded):
            raise UnsupportedFormat(
                "the file is a lossless JPEG, or of 12 bits, which is not decoded"
            )
        return None

    def is_truncated(self, encoded: bytes) -> bool:
        """Whether the end was never written; most truncated files are noticed only by decoding."""
        return len(_drop_overwritten_end(encoded)) < len(encoded)

    def open(self, encoded: bytes) -> Picture:
        """Malformed metadata are left out, with a warning; the pixels need none."""
        if not super().recognises(encoded):
            encoded = _START_OF_IMAGE + encoded[max(encoded.find(b"\xff", 2), 2) :]
        try:
            return super().open(encoded)
        except UnsupportedFormat:
            raise
        except Exception:
            for version, lost in without_metadata(encoded):
                with suppress(Exception):
                    picture = super().open(version)
                    return replace(picture, warnings=(f"damaged: decoded without {lost}",))
            raise

    def is_cut_short(self, encoded: bytes, image: Image.Image) -> bool:
        """Whether the last pixel is what the decoder shows where a scan ended too early.

        Passes of a progressive picture may be missing as well.
        """
        last = image.getpixel((image.width - 1, image.height - 1))
        bands = last if isinstance(last, tuple) else (last,)
        if all(band in _MISSING for band in bands):
            return True
        return "progressive" in image.info and not read_scans(encoded).is_complete

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Finds the first block that depends on what replaces the missing bytes."""
        encoded = _drop_overwritten_end(encoded)
        scans = read_scans(encoded)
        has_end = encoded.startswith(_END_OF_IMAGE, scans.end)
        encoded = segments.drop_cut_segment(encoded[: scans.end])
        # Half a marker would combine with the first byte of the replacement.
        encoded = encoded.rstrip(b"\xff")
        picture = reopen(encoded + _END_OF_IMAGE)
        first, across, down = _decode_eighth(encoded + _END_OF_IMAGE, reopen)
        height, width = first.shape
        mask = np.ones((height, width), dtype=np.bool_)
        if scans.is_progressive and scans.has_whole_pass:
            return replace(picture, mask=mask, is_coarse=not (scans.is_complete and has_end))
        second, _, _ = _decode_eighth(encoded + NOISE + _END_OF_IMAGE, reopen)
        differs = np.abs(first - second) > 2
        share = 1.0
        if differs.any():
            # Blocks are stored row by row: all behind the first replaced one are missing.
            row = int(differs.any(axis=1).argmax()) // down * down
            column = int(differs[row : row + down].any(axis=0).argmax()) // across * across
            mask[row:] = False
            share = (row + column / width * down) / height
        return replace(picture, mask=mask, share=min(share, 1.0), is_coarse=scans.is_progressive)


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
