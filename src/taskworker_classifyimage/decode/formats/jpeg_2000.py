"""JPEG 2000 (ITU-T T.800)."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import jpeg_2000_header as jp2
from taskworker_classifyimage.decode.colour import to_srgb
from taskworker_classifyimage.decode.formats.base import Format, describe_library, import_library
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import Reopen
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat

#: The library for what Pillow decodes wrongly.
_CODECS: Final = "imagecodecs"
#: The marker of a tile's part, and the length of its segment (annex A.4.2).
_TILE_PART: Final = b"\xff\x90\0\x0a"
_MIN_TILE_PART_BYTES: Final = 14
_END_OF_CODESTREAM: Final = b"\xff\xd9"


class Jpeg2000(Format):
    """JPEG 2000, bare or in JP2, whose decoder rejects truncated files."""

    name, pillow_name = "JPEG 2000", "JPEG2000"
    module = "PIL.Jpeg2KImagePlugin"
    codec = ("jpg_2000", "OpenJPEG")
    imports = ("imagecodecs:jpeg2k_decode",)
    is_rare = True
    signatures = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        header = jp2.read_header(encoded)
        yield header.width, header.height

    def opening_bytes(self, encoded: bytes) -> float:
        """What Pillow does not decode is decoded at once."""
        header = jp2.read_header(encoded)
        return 10.0 + 10.0 * len(header.components) if _is_rare(header) else 0.0

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        return max(23.0, 7.5 * len(image.getbands()))

    def stated_bytes(self, encoded: bytes) -> int:
        at = encoded.find(_TILE_PART)
        while at >= 0 and encoded.startswith(_TILE_PART, at):
            count = int.from_bytes(encoded[at + 6 : at + 10], "big")
            if count < _MIN_TILE_PART_BYTES:  # 0: the part lasts to the end of the file
                return 0
            at += count
        return at + len(_END_OF_CODESTREAM) if at >= 0 else 0

    def open(self, encoded: bytes) -> Picture:
        header = jp2.read_header(encoded)
        if not _is_rare(header):
            with suppress(DamagedPicture):  # the other decoder may accept its boxes
                return super().open(encoded)
        image = _decode_rare(encoded, header)
        return Picture(image, *image.size, 1, False, describe_library(_CODECS))

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Each byte refines the whole picture; zeros in place of missing bytes add nothing."""
        if not self.is_truncated(encoded):
            return super().salvage(encoded, reopen)
        stated_bytes = self.stated_bytes(encoded)
        padded = encoded + bytes(stated_bytes - len(encoded))
        picture = reopen(padded[: -len(_END_OF_CODESTREAM)] + _END_OF_CODESTREAM)
        picture.image.load()
        mask = np.ones((picture.image.height, picture.image.width), dtype=np.bool_)
        share = len(encoded) / stated_bytes
        return replace(picture, mask=mask, share=share, is_coarse=True)


def _is_rare(header: jp2.Header) -> bool:
    """Whether Pillow would refuse it, or decode wrong pixels without an error (as 13.0 does)."""
    parts = header.components
    return (
        any(part.is_signed or (part.across, part.down) != (1, 1) for part in parts)
        or (len(parts) > 1 and any(part.bits > 8 for part in parts))
        or len(parts) > 4
        or bool(header.channels)
        or (header.colour_space not in (None, jp2.SRGB, jp2.GREY) and not header.has_palette)
    )


def _decode_rare(encoded: bytes, header: jp2.Header) -> Image.Image:
    codecs = import_library(_CODECS, "a JPEG 2000 picture of a rare kind")
    steps = {(part.across, part.down) for part in header.components}
    is_subsampled = len(steps) == 1 and steps != {(1, 1)}
    if is_subsampled:
        encoded = jp2.without_subsampling(encoded, header)
    try:
        pixels = codecs.jpeg2k_decode(encoded, numthreads=1)
    except Exception as err:
        if len(steps) > 1 and "subsampling" in str(err):
            raise UnsupportedFormat(
                "the file is a JPEG 2000 picture whose components have different sizes, "
                "which is not decoded"
            ) from None
        raise
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    stored = pixels.shape[2]
    last = len(header.components) - 1  # a palette makes several of one
    bands = [
        Image.fromarray(_to_8_bits(pixels[:, :, at], header.components[min(at, last)]))
        for at in range(stored)
    ]
    is_converted = header.colour_space == jp2.SYCC and not is_subsampled
    if header.colour_space in (jp2.SYCC, jp2.ESYCC) and not is_converted and stored == 3:
        return Image.merge("YCbCr", bands).convert("RGB")
    return _to_image(bands, header)


def _to_8_bits(numbers: npt.NDArray[Any], part: jp2.Component) -> npt.NDArray[np.uint8]:
    """Numbers of any count of bits, scaled; palettes are of 8 bits already."""
    wide = numbers.astype(np.int32)
    if part.is_signed:
        wide += 1 << (part.bits - 1)
    if part.bits < 8:
        wide = wide * 255 // ((1 << part.bits) - 1)
    else:
        wide >>= part.bits - 8
    narrow: npt.NDArray[np.uint8] = wide.clip(0, 255).astype(np.uint8)
    return narrow


def _to_image(bands: list[Image.Image], header: jp2.Header) -> Image.Image:
    at = header.find_alpha(len(bands))
    alpha = None if at is None else bands[at]
    colours = [band for number, band in enumerate(bands) if number != at]
    colours = colours[: header.count_colours(len(bands))]
    if len(colours) == 4:
        image, _ = to_srgb(Image.merge("CMYK", colours), header.profile)
    elif len(colours) == 3 and header.colour_space == jp2.LAB:
        image, _ = to_srgb(Image.merge("LAB", colours), None)
    else:
        image = Image.merge("RGB", colours) if len(colours) == 3 else colours[0]
        if header.profile:
            image.info["icc_profile"] = header.profile
    if alpha is not None:
        image.putalpha(alpha)
    return image
