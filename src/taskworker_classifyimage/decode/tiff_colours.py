"""Samples of a TIFF to the colours that they stand for (TIFF 6.0, sections 8, 16, 20, 21)."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import tiff_directories as tiff
from taskworker_classifyimage.decode.colour import to_srgb
from taskworker_classifyimage.decode.tiff_samples import Layout
from taskworker_classifyimage.errors import UnsupportedFormat

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS: Final = dict(
    zip(
        (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB),
        (1, 1, 3, 1, 4, 3, 3),
        strict=True,
    )
)
_COLOUR_MAP, _EXTRA_SAMPLES, _COEFFICIENTS, _REFERENCES, _PROFILE = 320, 338, 529, 532, 34675
#: Extra samples that are transparency: colours multiplied with it, or not.
_ALPHA: Final = (1, 2)
#: Parts of red, green and blue in brightness (Rec. 601), and numbers of black and white.
_REC_601: Final = (299, 1000, 587, 1000, 114, 1000)
_FULL_RANGE: Final = (0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1)
#: Rows that are computed at once, as floats.
_ROWS: Final = 64


def to_image(pixels: npt.NDArray[Any], layout: Layout) -> Image.Image:
    """(H, W, C) samples to a picture.

    Raises:
        UnsupportedFormat: they stand for other colours.
    """
    photometric = layout.first(tiff.PHOTOMETRIC)
    count = _COLOURS.get(photometric)
    if count is None or count > layout.samples:
        raise UnsupportedFormat(f"the file is a TIFF in colours not decoded here: {photometric}")
    alpha = _find_alpha(pixels, layout, count)
    colours = pixels[:, :, :count]
    profile: bytes | None = bytes(layout.directory.get(_PROFILE, ())) or None
    if photometric == PALETTE:
        return Image.fromarray(_look_up(colours[:, :, 0], layout))
    if photometric == YCBCR:
        colours = _to_rgb(colours, layout)
    else:
        colours = _to_8_bits(colours, layout.first(tiff.BITS))
    if photometric == WHITE_IS_ZERO:
        colours = 255 - colours
    if count in (1, 3) and photometric != LAB:
        image = Image.fromarray(colours[:, :, 0] if count == 1 else colours)
        image.info["icc_profile"] = profile
    else:
        sides = colours.shape[1], colours.shape[0]
        mode = "LAB" if photometric == LAB else "CMYK"
        image = Image.frombytes(mode, sides, colours.tobytes())
        if alpha is not None:  # these have no mode with alpha
            image, _ = to_srgb(image, profile)
        else:
            image.info["icc_profile"] = profile
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image


def _find_alpha(
    pixels: npt.NDArray[Any], layout: Layout, count: int
) -> npt.NDArray[np.uint8] | None:
    for number, kind in enumerate(layout.directory.get(_EXTRA_SAMPLES, ())):
        if kind in _ALPHA and count + number < layout.samples:
            return _to_8_bits(pixels[:, :, count + number], layout.first(tiff.BITS))
    return None


def _to_8_bits(numbers: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    if bits < 8:
        white = (1 << bits) - 1
        numbers = (numbers.astype(np.uint16) * 255 + white // 2) // white
    elif bits > 8:
        numbers = numbers >> (bits - 8)
    narrow: npt.NDArray[np.uint8] = np.ascontiguousarray(numbers, np.uint8)
    return narrow


def _look_up(indices: npt.NDArray[Any], layout: Layout) -> npt.NDArray[np.uint8]:
    shades = np.array(layout.directory.get(_COLOUR_MAP, ()), np.uint16)
    count = 1 << layout.first(tiff.BITS)
    if len(shades) < 3 * count:
        raise ValueError("the palette is not in the file")
    shades = shades[: 3 * count].reshape(3, count).T
    # Some writers fill palettes with numbers of 8 bits.
    narrow = shades if shades.max() < 256 else shades >> 8
    return np.take(narrow.astype(np.uint8), indices, axis=0)


def _to_rgb(pixels: npt.NDArray[np.uint8], layout: Layout) -> npt.NDArray[np.uint8]:
    """Brightness and two differences of colours to red, green and blue."""
    red, green, blue = _fractions(layout, _COEFFICIENTS, _REC_601)
    ranges = _fractions(layout, _REFERENCES, _FULL_RANGE)
    black = np.array(ranges[::2], np.float32)
    scale = np.array([255, 127, 127], np.float32) / np.maximum(ranges[1::2] - black, 1)
    shown = np.empty_like(pixels)
    for top in range(0, len(pixels), _ROWS):
        y, cb, cr = np.moveaxis((pixels[top : top + _ROWS] - black) * scale, 2, 0)
        r = y + cr * (2 - 2 * red)
        b = y + cb * (2 - 2 * blue)
        g = (y - blue * b - red * r) / (green or 1)
        shown[top : top + _ROWS] = np.rint(np.stack([r, g, b], axis=2)).clip(0, 255)
    return shown


def _fractions(layout: Layout, tag: int, default: tuple[int, ...]) -> list[float]:
    values = layout.directory.get(tag, default)
    if len(values) < len(default) or 0 in values[1::2]:
        values = default
    return [a / b for a, b in zip(values[::2], values[1::2], strict=True)]
