"""Which way up a picture is, once and only once."""

from typing import Final

from PIL import ExifTags, Image

from taskworker_classifyimage.decode.boxes import find_box

#: What brings a picture upright, by its EXIF orientation (EXIF 2.32, section 4.6.4).
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: EXIF orientations by how often a HEIC is turned left, then mirrored: not at all, top to bottom
#: (axis 0), left to right (axis 1); ISO/IEC 23008-12, sections 6.5.10 and 6.5.12.
_HEIC: Final = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


def exif_orientation(image: Image.Image) -> int:
    """What a picture's EXIF or XMP data says, 1 to 8; 1 where it says nothing or nonsense."""
    try:
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF data says nothing, and the picture may be fine
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turns and mirrors a picture, by its EXIF orientation."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def heic_orientation(encoded: bytes) -> int:
    """How a HEIC's decoder turns it, as an EXIF orientation; its EXIF data says nothing."""
    meta = find_box(encoded, b"meta")
    if meta is None:
        return 1
    turn, mirror = (encoded.find(kind, meta.start, meta.end) for kind in (b"irot", b"imir"))
    turns = encoded[turn + 4] & 3 if 0 <= turn < len(encoded) - 4 else 0
    axis = 1 + (encoded[mirror + 4] & 1) if 0 <= mirror < len(encoded) - 4 else 0
    return _HEIC[turns][axis]
