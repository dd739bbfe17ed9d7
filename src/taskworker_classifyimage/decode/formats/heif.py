"""HEIC and AVIF: pictures of video codecs in HEIF (ISO/IEC 23008-12)."""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from PIL import Image

from taskworker_classifyimage.decode.boxes import find_box, read_boxes, read_brands
from taskworker_classifyimage.decode.formats.base import Format, import_library
from taskworker_classifyimage.decode.picture import Picture

_HEVC_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AV1_BRANDS: Final = {b"avif", b"avis"}
#: Brands that name no codec.
_GENERAL_BRANDS: Final = {b"mif1", b"msf1"}
#: The boxes of such files; others at the top level do not belong to the picture.
_BOXES: Final = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid")
#: The property that holds an item's size (section 6.5.3).
_EXTENTS: Final = b"ispe"
_MAX_ITEMS: Final = 1000
#: EXIF orientations by how often a HEIC is turned left, then mirrored: not at all, top to bottom
#: (axis 0), left to right (axis 1); sections 6.5.10 and 6.5.12.
_ORIENTATIONS: Final = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


class _Heif(Format):
    """What HEIC and AVIF have in common; their decoders reject truncated files."""

    brands: ClassVar[set[bytes]]

    def recognises(self, encoded: bytes) -> bool:
        """By the first brand that names a codec, else by the major brand."""
        brands = read_brands(encoded)
        codecs = (brand for brand in brands if brand in _HEVC_BRANDS | _AV1_BRANDS)
        return bool(brands) and next(codecs, brands[0]) in self.brands

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        """The picture, the cells of a grid, thumbnails and the like."""
        meta = find_box(encoded, b"meta")
        at = -1 if meta is None else encoded.find(_EXTENTS, meta.start, meta.end)
        for _ in range(_MAX_ITEMS):
            if meta is None or at < 0:
                return
            width, height = encoded[at + 8 : at + 12], encoded[at + 12 : at + 16]
            yield int.from_bytes(width, "big"), int.from_bytes(height, "big")
            at = encoded.find(_EXTENTS, at + 4, meta.end)

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        return 22.0

    def stated_bytes(self, encoded: bytes) -> int:
        return max((box.end for box in read_boxes(encoded) if box.kind in _BOXES), default=0)


class Heic(_Heif):
    """HEIC, which pillow-heif decodes as a plugin of Pillow."""

    name, pillow_name = "HEIC", "HEIF"
    library, module = "pillow-heif", "pillow_heif"
    brands = _HEVC_BRANDS | _GENERAL_BRANDS

    def register(self) -> None:
        # Only the picture itself is wanted, and threads would take cores from other pictures.
        import_library(self.library, "a HEIC picture").register_heif_opener(
            decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
        )

    def open(self, encoded: bytes) -> Picture:
        """The decoder turns the picture upright; the result states its sides as stored."""
        picture = super().open(encoded)
        orientation = _read_orientation(encoded)
        if orientation >= 5:
            picture = replace(picture, width=picture.height, height=picture.width)
        return replace(picture, orientation=orientation, is_turned=True)


class Avif(_Heif):
    """AVIF."""

    name = pillow_name = "AVIF"
    module = "PIL.AvifImagePlugin"
    codec = ("avif", "libavif")
    brands = _AV1_BRANDS

    def register(self) -> None:
        """With one thread: more would take cores from other pictures."""
        vars(importlib.import_module(self.module))["DEFAULT_MAX_THREADS"] = 1


def _read_orientation(encoded: bytes) -> int:
    """How a HEIC's decoder turns it, as an EXIF orientation; its EXIF data does not count."""
    meta = find_box(encoded, b"meta")
    if meta is None:
        return 1
    turn, mirror = (encoded.find(kind, meta.start, meta.end) for kind in (b"irot", b"imir"))
    turns = encoded[turn + 4] & 3 if 0 <= turn < len(encoded) - 4 else 0
    axis = 1 + (encoded[mirror + 4] & 1) if 0 <= mirror < len(encoded) - 4 else 0
    return _ORIENTATIONS[turns][axis]
