"""Files that nobody meant: pictures changed at random, but always in the same way."""

import io
import random
from collections.abc import Iterator
from functools import cache
from typing import Final

from PIL import Image

from support.photos import ESPRESSO

_KINDS: Final = (
    *("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "ICO", "PPM", "TGA"),
    *("PCX",),
)


def mutants(count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """(what was done to which file, the file), over all formats and mutations in turn."""
    for number in range(count):
        generator = random.Random(f"{seed}-{number}")
        kind = _KINDS[number % len(_KINDS)]
        changed = bytearray(_encoded(kind))
        for _ in range(generator.choice([1, 5, 50])):
            # Headers are where the harm is done.
            last = generator.choice([200, len(changed)])
            changed[generator.randrange(min(last, len(changed)))] = generator.randrange(256)
        if generator.random() < 0.3:
            del changed[generator.randrange(1, len(changed)) :]
        yield f"{number}: {kind}", bytes(changed)


@cache
def _encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(ESPRESSO)).convert("RGB").resize((96, 64)).save(buffer, kind)
    return buffer.getvalue()
