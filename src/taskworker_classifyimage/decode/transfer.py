"""Colours by numbers (ITU-T H.273) to sRGB: linear light, PQ and HLG, and wide primaries."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode.colour import to_resizable

Floats = npt.NDArray[np.float32]

LINEAR, PQ, HLG = 8, 16, 18
#: Transfer functions that are near that of sRGB.
_LIKE_SRGB: Final = (1, 4, 6, 13, 14, 15)
#: Light of paper white, of the most that PQ states, and of an HLG display, in cd/m2 (BT.2408).
_WHITE, _PQ_PEAK, _HLG_PEAK = 203.0, 10000.0, 1000.0
#: From linear light of these primaries to that of sRGB: BT.2020, and Display P3.
_MATRICES: Final = {
    9: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    12: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
_ROWS: Final = 64


def from_numbers(image: Image.Image, primaries: int, transfer: int) -> Image.Image:
    """A picture of any mode, by the numbers of its primaries and of its transfer function.

    What is brighter than paper white becomes white. Unknown numbers change nothing.
    """
    to_light = _TO_LIGHT.get(transfer)
    matrix = _MATRICES.get(primaries)
    if to_light is None or (matrix is None and to_light is _from_srgb):
        return image
    return _convert(image, to_light, matrix)


def from_gamma(image: Image.Image, gamma: float) -> Image.Image:
    """A picture whose numbers are light to the power of `gamma`; 1 is linear."""
    return _convert(image, lambda numbers: numbers ** (1 / gamma), None)


def to_gamma(linear: npt.NDArray[Any]) -> Floats:
    """Linear light, 0 to 1, to numbers of sRGB, 0 to 1 (IEC 61966-2-1)."""
    clipped = np.clip(linear, 0, 1).astype(np.float32)
    bright = 1.055 * np.maximum(clipped, 1e-9) ** (1 / 2.4) - 0.055
    shown: Floats = np.where(clipped <= 0.0031308, clipped * 12.92, bright).astype(np.float32)
    return shown


def _convert(
    image: Image.Image,
    to_light: Callable[[Floats], Floats],
    matrix: tuple[tuple[float, ...], ...] | None,
) -> Image.Image:
    alpha = None
    if "transparency" in image.info:
        image = to_resizable(image)
    white = 65535.0 if image.mode.startswith("I") else 255.0
    if "A" in image.getbands():
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if image.mode not in ("RGB", "L", "I;16", "I"):
        image = image.convert("RGB")
    numbers = np.asarray(image)
    shown = np.empty(numbers.shape, np.uint8)
    for top in range(0, len(numbers), _ROWS):
        light = to_light(numbers[top : top + _ROWS].astype(np.float32) / white)
        if matrix is not None and light.ndim == 3:
            light = light @ np.array(matrix, np.float32).T
        shown[top : top + _ROWS] = np.rint(to_gamma(light) * 255)
    converted = Image.fromarray(shown)
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _from_srgb(numbers: Floats) -> Floats:
    bright = ((numbers + 0.055) / 1.055) ** 2.4
    return np.where(numbers <= 0.04045, numbers / 12.92, bright).astype(np.float32)


def _from_pq(numbers: Floats) -> Floats:
    """SMPTE ST 2084."""
    root = numbers ** (1 / 78.84375)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    shown: Floats = (light ** (1 / 0.1593017578125) * (_PQ_PEAK / _WHITE)).astype(np.float32)
    return shown


def _from_hlg(numbers: Floats) -> Floats:
    """ARIB STD-B67, on a display of 1000 cd/m2 with a gamma of 1.2."""
    bright = (np.exp((numbers - 0.55991073) / 0.17883277) + 0.28466892) / 12
    scene = np.where(numbers <= 0.5, numbers**2 / 3, bright)
    return (scene**1.2 * (_HLG_PEAK / _WHITE)).astype(np.float32)


_TO_LIGHT: Final[dict[int, Callable[[Floats], Floats]]] = {
    **dict.fromkeys(_LIKE_SRGB, _from_srgb),
    LINEAR: lambda numbers: numbers,
    PQ: _from_pq,
    HLG: _from_hlg,
}
