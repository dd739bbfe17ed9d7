"""Any kind of pixels to RGB as a screen shows it: before the resize what has to, the rest after."""

from typing import Final

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode.arrays import from_array, to_bytes
from taskworker_classifyimage.decode.profiles import to_srgb

#: What shows where a picture shows nothing: mid-grey, close to the mean that networks expect.
GROUND: Final = (127, 127, 127)

#: Modes that can be resized as they are.
_RESIZABLE: Final = ("RGB", "L", "RGBA", "LA", "CMYK", "LAB")
_OF_NUMBERS: Final = ("I", "F")


def resizable(image: Image.Image) -> Image.Image:
    """Palettes, bits and wide numbers to one of the modes that can be resized and converted."""
    if image.mode.startswith("I;16") or image.mode in _OF_NUMBERS:
        return _from_numbers(image)
    if image.format == "TGA" and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        # Programs that know of no alpha leave its byte at 0.
        return image.convert("RGB")
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in _RESIZABLE:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_numbers(image: Image.Image) -> Image.Image:
    """One wide channel to "L", or to "LA" where one of its shades is transparent."""
    numbers = np.asarray(image)
    if image.format == "PPM" and image.mode == "I":
        # Pillow has scaled it to 16 bits, by the white that its header tells.
        numbers = numbers.astype(np.uint16)
    pixels = to_bytes(numbers)
    if (shade := image.info.get("transparency")) is not None:
        pixels = np.dstack([pixels, to_bytes(numbers != shade)])
    narrow = from_array(pixels)
    narrow.info["icc_profile"] = image.info.get("icc_profile")
    return narrow


def to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture of a resizable mode to RGB, and the warnings.

    Colours are converted to sRGB as the picture's profile says; what is hidden under alpha stays
    hidden.
    """
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode[:-1]) if alpha is not None else image
    rgb, warnings = to_srgb(colours, image.info.get("icc_profile"))
    if alpha is None:
        return rgb, warnings
    return Image.composite(rgb, Image.new("RGB", rgb.size, GROUND), alpha), warnings
