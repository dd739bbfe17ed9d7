"""HEIC and AVIF: pictures of video codecs in HEIF (ISO/IEC 23008-12)."""

import importlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, Final

from PIL import Image

from taskworker_classifyimage.decode.boxes import find_box, read_boxes, read_brands
from taskworker_classifyimage.decode.formats.base import Format, import_library
from taskworker_classifyimage.decode.heif_items import read_items
from taskworker_classifyimage.decode.heif_rewriting import (
    name_other_codec,
    read_codec,
    read_crop,
    read_first_frame,
    rewrite,
)
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.errors import UnsupportedFormat

_HEVC_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AV1_BRANDS: Final = {b"avif", b"avis"}
#: Brands that name no codec.
_GENERAL_BRANDS: Final = {b"mif1", b"msf1", b"mif2"}
#: Of pictures in HEIF by other codecs, which are refused by their names.
_OTHER_BRANDS: Final = {
    *(b"jpeg", b"jpgs", b"avci", b"avcs", b"j2ki", b"j2is", b"vvic", b"vvis"),
    *(b"evbi", b"evbs", b"evmi", b"evms"),
}
#: With this many bytes a pixel a picture is decoded.
_DECODING_BYTES: Final = 22.0
_REWRITTEN: Final = "decoded without parts that the decoder rejects"
#: The boxes of such files; others at the top level do not belong to the picture.
_BOXES: Final = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid")
#: The property that holds an item's size (section 6.5.3).
_EXTENTS: Final = b"ispe"
_MAX_ITEMS: Final = 1000
#: Where a file's properties are.
_HEAD_BYTES: Final = 65536
#: EXIF orientations by how often a HEIC is turned left, then mirrored: not at all, top to bottom
#: (axis 0), left to right (axis 1); sections 6.5.10 and 6.5.12.
_ORIENTATIONS: Final = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


class _Heif(Format):
    """What HEIC and AVIF have in common; their decoders reject truncated files."""

    brands: ClassVar[set[bytes]]
    is_rare = True

    def recognises(self, encoded: bytes) -> bool:
        """By the first brand that names a codec, else by the major brand."""
        brands = read_brands(encoded)
        codecs = (brand for brand in brands if brand in _HEVC_BRANDS | _AV1_BRANDS)
        brand = next(codecs, brands[0] if brands else b"")
        if brand in _GENERAL_BRANDS and read_codec(encoded) == b"av01":
            brand = b"avif"
        return brand in self.brands

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        """The picture, the cells of a grid, thumbnails and the like."""
        meta = find_box(encoded, b"meta")
        at = -1 if meta is None else encoded.find(_EXTENTS, meta.start, meta.end)
        for _ in range(_MAX_ITEMS):
            if at < 0 or meta is None:
                break
            width, height = encoded[at + 8 : at + 12], encoded[at + 12 : at + 16]
            yield int.from_bytes(width, "big"), int.from_bytes(height, "big")
            at = encoded.find(_EXTENTS, at + 4, meta.end)
        with suppress(ValueError):
            extents = None if meta else read_first_frame(encoded).find_property(_EXTENTS)
            if extents is not None:
                yield int.from_bytes(extents[4:8], "big"), int.from_bytes(extents[8:12], "big")

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        return _DECODING_BYTES

    def stated_bytes(self, encoded: bytes) -> int:
        return max((box.end for box in read_boxes(encoded) if box.kind in _BOXES), default=0)

    def repair(self, encoded: bytes) -> tuple[bytes, str] | None:
        """The picture alone, written anew; of a sequence, its first frame.

        Raises:
            UnsupportedFormat: it is coded in a way that is not decoded.
        """
        if codec := name_other_codec(encoded):
            raise UnsupportedFormat(f"the file is a HEIF picture of {codec}, which is not decoded")
        if self.is_truncated(encoded):
            return None
        with suppress(ValueError):
            rewritten = rewrite(encoded)
            return (rewritten, _REWRITTEN if read_codec(encoded) else "")
        return None


class Heic(_Heif):
    """HEIC, which pillow-heif decodes as a plugin of Pillow."""

    name, pillow_name = "HEIC", "HEIF"
    library, module = "pillow-heif", "pillow_heif"
    brands = _HEVC_BRANDS | _GENERAL_BRANDS | _OTHER_BRANDS

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

    def opening_bytes(self, encoded: bytes) -> float:
        """A picture that is cropped is decoded at once."""
        return _DECODING_BYTES if b"clap" in encoded[:_HEAD_BYTES] else 0.0

    def open(self, encoded: bytes) -> Picture:
        """The decoder turns the picture upright but does not crop it, which comes first."""
        picture = super().open(encoded)
        crop = None
        if b"clap" in encoded[:_HEAD_BYTES]:
            crop = read_crop(encoded, *picture.image.size)
        if crop is None:
            return picture
        image = picture.image.crop(crop)
        return replace(picture, image=image, width=image.width, height=image.height)

    def register(self) -> None:
        """With one thread: more would take cores from other pictures."""
        vars(importlib.import_module(self.module))["DEFAULT_MAX_THREADS"] = 1


def _read_orientation(encoded: bytes) -> int:
    """How a HEIC's decoder turns it, as an EXIF orientation; its EXIF data does not count."""
    primary, items = read_items(encoded)
    if primary not in items:
        return 1
    turn, mirror = (items[primary].find_property(kind) for kind in (b"irot", b"imir"))
    turns = turn[0] & 3 if turn else 0
    axis = 1 + (mirror[0] & 1) if mirror else 0
    return _ORIENTATIONS[turns][axis]
