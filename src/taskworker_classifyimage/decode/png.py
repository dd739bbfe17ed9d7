"""What of PNG Pillow leaves to do (chunks: PNG specification, section 5)."""

from typing import Final

from PIL import Image, ImageFile

_SIGNATURE_BYTES: Final = 8
_NEEDED: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
#: From 2 and 4 bits of grey to 8, by Pillow's names for how they are stored.
_FACTORS: Final = {"L;2": 85, "L;4": 17}


def widen_transparent_shade(image: Image.Image) -> None:
    """Makes the shade of grey that is transparent 8 bits wide, as the pixels will be."""
    shade = image.info.get("transparency")
    if isinstance(image, ImageFile.ImageFile) and image.tile and isinstance(shade, int):
        image.info["transparency"] = shade * _FACTORS.get(str(image.tile[0].args), 1)


def without_remarks(encoded: bytes) -> bytes:
    """What a damaged one is reduced to: the chunks that hold the picture, as far as there are."""
    kept, at = [encoded[:_SIGNATURE_BYTES]], _SIGNATURE_BYTES
    while at + 8 <= len(encoded):
        end = at + 12 + int.from_bytes(encoded[at : at + 4], "big")
        if encoded[at + 4 : at + 8] in _NEEDED:
            kept.append(encoded[at:end])
        at = end
    return b"".join(kept)
