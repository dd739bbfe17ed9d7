"""Camera RAW: the picture that the camera itself made of it, else one made by LibRaw."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

from taskworker_classifyimage.decode import segments, tiff
from taskworker_classifyimage.decode.listing import is_installed, version_of
from taskworker_classifyimage.decode.opening import Opened, check_size
from taskworker_classifyimage.errors import UnsupportedFormat

#: Cameras write up to four previews; the sensor's data looks like the start of more by chance.
_MOST_STARTS: Final = 1000
#: The library that develops, by the name under which it is installed.
LIBRAW: Final = "rawpy"
#: Where Canon's CR3 keeps its TIFF directories.
_CR3_DIRECTORY: Final = b"CMT1"
_FLIPS: Final = {0: 1, 3: 3, 5: 8, 6: 6}


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG within a RAW file.

    Attributes:
        encoded: from its start to the end of the file.
        width: in pixels.
        height: in pixels.
    """

    encoded: bytes
    width: int
    height: int


def largest_preview(encoded: bytes) -> Preview | None:
    """The largest JPEG anywhere in the file, whichever maker's format it is in."""
    best, at = (0, 0, 0), encoded.find(b"\xff\xd8\xff")
    for _ in range(_MOST_STARTS):
        if at < 0:
            break
        width, height = segments.size(encoded, at)
        if width * height > best[0] * best[1]:
            best = (width, height, at)
        at = encoded.find(b"\xff\xd8\xff", at + 3)
    width, height, start = best
    return Preview(encoded[start:], width, height) if width else None


def container_orientation(encoded: bytes) -> int:
    """How the camera was held, by the RAW file's own directory; 1 if it does not say."""
    start = 0
    if encoded[4:8] == b"ftyp":
        start = encoded.find(_CR3_DIRECTORY, 0, 65536) + len(_CR3_DIRECTORY)
    if encoded[start : start + 2] not in (b"II", b"MM"):
        return 1
    directory = next(tiff.directories(encoded, start), {})
    return tiff.orientation_of(directory)


def develop(encoded: bytes, limit_pixels: int) -> Opened:
    """Makes a picture of the sensor's data, upright and at half its size.

    Raises:
        UnsupportedFormat: the extra is not installed.
        TooLarge: it has more pixels than the limit.
        Exception: whatever LibRaw raises.
    """
    if not is_installed(LIBRAW):
        raise UnsupportedFormat(
            "the file is a camera RAW without a preview; the extra 'raw' would develop it: "
            'pip install "taskworker-classifyimage[raw]"'
        )
    import rawpy  # noqa: PLC0415 - an extra

    with rawpy.imread(io.BytesIO(encoded)) as raw:
        sizes = raw.sizes
        check_size(sizes.raw_width, sizes.raw_height, limit_pixels)
        pixels = raw.postprocess(half_size=True, use_camera_wb=True)
        orientation = _FLIPS.get(sizes.flip, 1)
        image = Image.fromarray(pixels)
        return Opened(image, sizes.width, sizes.height, orientation, True, version_of(LIBRAW))
