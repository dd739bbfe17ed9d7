"""Any mode to RGB."""

from typing import Final

import numpy as np
from PIL import Image

#: What shows through transparent parts: mid-grey, close to the mean that the networks expect.
_GROUND: Final = (127, 127, 127)


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB; 16 bits are scaled, not clipped; what is hidden under alpha stays hidden."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint16)
        return Image.fromarray((wide >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (*_GROUND, 255))
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
