"""Pictures that are stored turned or mirrored, and the EXIF orientation that says so."""

from typing import Final

from PIL import Image
from PIL.Image import Transpose

#: By EXIF orientation, how an upright picture gets there.
LAID_DOWN: Final = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()
