"""PNG (chunks: PNG specification, section 5)."""

from dataclasses import replace
from typing import Final

from PIL import Image, ImageFile

from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
#: From 2 and 4 bits of grey to 8, by Pillow's names for how they are stored.
_GREY_FACTORS: Final = {"L;2": 85, "L;4": 17}


class Png(Format):
    """PNG, whose metadata may be damaged while its pixels are intact."""

    name = pillow_name = "PNG"
    module = "PIL.PngImagePlugin"
    codec = ("zlib_ng", "zlib-ng")
    signatures = (_SIGNATURE,)

    def open(self, encoded: bytes) -> Picture:
        try:
            picture = super().open(encoded)
        except Exception:  # noqa: BLE001 - damaged metadata raises anything
            picture = super().open(_drop_metadata(encoded))
            picture = replace(picture, warnings=("damaged: decoded without profile and metadata",))
        _widen_transparent_shade(picture.image)
        return picture


def _drop_metadata(encoded: bytes) -> bytes:
    """Keeps only the chunks that the pixels need, as far as they are there."""
    kept, at = [encoded[: len(_SIGNATURE)]], len(_SIGNATURE)
    while at + 8 <= len(encoded):
        end = at + 12 + int.from_bytes(encoded[at : at + 4], "big")
        if encoded[at + 4 : at + 8] in _PIXEL_CHUNKS:
            kept.append(encoded[at:end])
        at = end
    return b"".join(kept)


def _widen_transparent_shade(image: Image.Image) -> None:
    """Scales the transparent shade of grey to 8 bits, which Pillow does to the pixels alone."""
    shade = image.info.get("transparency")
    if isinstance(image, ImageFile.ImageFile) and image.tile and isinstance(shade, int):
        image.info["transparency"] = shade * _GREY_FACTORS.get(str(image.tile[0].args), 1)
