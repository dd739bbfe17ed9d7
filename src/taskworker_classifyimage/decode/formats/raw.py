"""Camera RAW: the preview that the camera stored, else the sensor's data developed by LibRaw."""

import importlib
import io
from collections.abc import Iterator
from typing import Any, Final

from PIL import Image

from taskworker_classifyimage.decode import jpeg_segments
from taskworker_classifyimage.decode import tiff_directories as tiff
from taskworker_classifyimage.decode.boxes import read_brands
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.errors import UnsupportedFormat

_JPEG: Final = b"\xff\xd8\xff"
#: Cameras write up to four previews; the sensor's data looks like the start of more by chance.
_MAX_STARTS: Final = 1000
#: The brand of Canon's CR3, and the box that holds its TIFF directories.
_CR3_BRAND: Final = b"crx "
_CR3_DIRECTORY: Final = b"CMT1"
#: From this EXIF orientation on, width and height are exchanged.
_FIRST_ON_ITS_SIDE: Final = 5
#: EXIF orientations by LibRaw's.
_ORIENTATIONS: Final = {0: 1, 3: 3, 5: 8, 6: 6}

#: Photometric interpretations of pixels as the sensor has them: mosaic, and linear (DNG 1.7).
_SENSOR: Final = {32803, 34892}
#: Compressions by Nikon, Sony, Pentax, Samsung and Kodak that are used for sensor data alone.
_SENSOR_COMPRESSIONS: Final = {34713, 32767, 65535, 32769, 32770, 65000}


class Raw(Format):
    """The formats of all makers."""

    name = "camera RAW"
    library = module = "rawpy"
    imports = ("multiprocessing",)
    is_rare = True
    signatures = (
        b"IIU\0",  # Panasonic
        b"IIRO",  # Olympus
        b"IIRS",
        b"MMOR",
        b"FUJIFILMCCD-RAW",
        b"FOVb",  # Sigma
        b"\0MRM",  # Minolta
        b"II\x1a\0\0\0HEAPCCDR",  # Canon before 2004
    )

    def recognises(self, encoded: bytes) -> bool:
        return (
            super().recognises(encoded)
            or (encoded.startswith(tiff.SIGNATURES) and _has_sensor_data(encoded))
            or read_brands(encoded)[:1] == [_CR3_BRAND]
        )

    def find_preview(self, encoded: bytes, size: int) -> tuple[bytes, int, str] | None:
        """The largest preview, if it is large enough or the file cannot be developed."""
        width, height, start = _find_largest_jpeg(encoded)
        if not width or (min(width, height) < size and self.is_installed()):
            return None
        warning = f"classified by its preview of {width} x {height} pixels"
        orientation = _read_orientation(encoded)
        if orientation >= _FIRST_ON_ITS_SIDE and _is_turned_already(encoded, width, height):
            orientation = 1
        return encoded[start:], orientation, warning

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        with self._read(encoded) as raw:
            yield raw.sizes.raw_width, raw.sizes.raw_height

    def opening_bytes(self, encoded: bytes) -> float:  # noqa: ARG002 - for all makers alike
        return 10.0

    def open(self, encoded: bytes) -> Picture:
        """Develops the sensor's data, turned upright and at half its size."""
        with self._read(encoded) as raw:
            sizes = raw.sizes
            image = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))
        orientation = _ORIENTATIONS.get(sizes.flip, 1)
        sides = sizes.width, sizes.height
        return Picture(image, *sides, orientation, True, self.describe_decoder())

    def _read(self, encoded: bytes) -> Any:
        """The file as LibRaw's object, which closes as a context."""
        if not self.is_installed():
            raise UnsupportedFormat(
                "the file is a camera RAW without a preview; the extra 'raw' would develop it: "
                'pip install "taskworker-classifyimage[raw]"'
            )
        return importlib.import_module(self.module).imread(io.BytesIO(encoded))


def _has_sensor_data(encoded: bytes) -> bool:
    """Whether a TIFF holds sensor data instead of a picture."""
    if encoded[8:10] == b"CR" and encoded[2:4] in (b"*\0", b"\0*"):  # Canon's CR2
        return True
    return any(
        tiff.DNG_VERSION in directory
        or not _SENSOR.isdisjoint(directory.get(tiff.PHOTOMETRIC, ()))
        or not _SENSOR_COMPRESSIONS.isdisjoint(directory.get(tiff.COMPRESSION, ()))
        for directory in tiff.read_directories(encoded)
    )


def _find_largest_jpeg(encoded: bytes) -> tuple[int, int, int]:
    """(width, height, offset) of the largest JPEG anywhere in the file; zeros if there is none."""
    best, at = (0, 0, 0), encoded.find(_JPEG)
    for _ in range(_MAX_STARTS):
        if at < 0:
            break
        width, height = jpeg_segments.read_size(encoded, at)
        if width * height > best[0] * best[1]:
            best = (width, height, at)
        at = encoded.find(_JPEG, at + 3)
    return best


def _is_turned_already(encoded: bytes, width: int, height: int) -> bool:
    """Whether a preview stands although the sensor's picture lies, or the other way round.

    Some cameras and programs turn the preview, and leave the file's orientation as it is.
    """
    if encoded[:2] not in (b"II", b"MM"):
        return False
    sides = [
        (tiff.first_value(directory, tiff.WIDTH, 0), tiff.first_value(directory, tiff.LENGTH, 0))
        for directory in tiff.read_directories(encoded)
    ]
    across, down = max(sides, key=lambda each: each[0] * each[1], default=(0, 0))
    return (across - down) * (width - height) < 0


def _read_orientation(encoded: bytes) -> int:
    """How the camera was held, by the file's own directory; 1 if that does not state it."""
    start = 0
    if encoded[4:8] == b"ftyp":
        start = encoded.find(_CR3_DIRECTORY, 0, 65536) + len(_CR3_DIRECTORY)
    if encoded[start : start + 2] not in (b"II", b"MM"):
        return 1
    return tiff.read_orientation(next(tiff.read_directories(encoded, start), {}))
