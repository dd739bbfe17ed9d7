"""Pictures for the network of `support.packs.colour_network`: tiny, and each of known class."""

import io
import random

from PIL import Image

from support.packs import IDS


def coloured_picture(source: random.Random) -> tuple[str, bytes]:
    """A small picture unlike all others, and the id of its class."""
    shades = [source.randrange(100) for _ in IDS]
    best = source.randrange(len(IDS))
    shades[best] += 150
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shades[0], shades[1], shades[2])).save(buffer, "BMP")
    # Bytes after its end make it another file, so that nobody answers it from memory.
    return IDS[best], buffer.getvalue() + source.randbytes(8)
