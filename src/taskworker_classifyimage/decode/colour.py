"""Any kind of pixels to RGB as a screen shows it: before the resize what has to, the rest after."""

from typing import Final

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode.arrays import to_bytes
from taskworker_classifyimage.decode.profiles import to_srgb

#: What shows where a picture shows nothing: mid-grey, close to the mean that networks expect.
GROUND: Final = (127, 127, 127)

#: Modes that can be resized as they are.
_RESIZABLE: Final = ("RGB", "L", "RGBA", "LA", "CMYK", "LAB")
_OF_NUMBERS: Final = ("I", "F")


def resizable(image: Image.Image) -> Image.Image:
    """Palettes, bits and wide numbers to one of the modes that can be resized and converted."""
    if image.mode.startswith("I;16") or image.mode in _OF_NUMBERS:
        return Image.fromarray(to_bytes(np.asarray(image)))
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in _RESIZABLE:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


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
