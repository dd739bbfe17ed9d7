"""JPEG XL: its header (ISO/IEC 18181-1, annex D) and its first frame."""

import importlib.util
from dataclasses import dataclass
from typing import Final

from PIL import Image

from taskworker_classifyimage.decode.arrays import from_array
from taskworker_classifyimage.decode.boxes import boxes

#: Width by height, for the ratios that a header can name instead of a width.
_RATIOS: Final = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


@dataclass(frozen=True, slots=True)
class Header:
    """Attributes: width and height in pixels as stored, and the EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, content: bytes) -> None:
        self._left = int.from_bytes(content, "little")

    def take(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value


def is_installed() -> bool:
    """Whether the library for JPEG XL is there."""
    return importlib.util.find_spec("imagecodecs") is not None


def read_header(encoded: bytes) -> Header:
    """The header, without decoding anything.

    Raises:
        ValueError: there is none.
    """
    bits = _Bits(_codestream(encoded)[2:34])
    is_small = bits.take(1)
    height = _side(bits, is_small)
    ratio = _RATIOS.get(bits.take(3))
    width = height * ratio[0] // ratio[1] if ratio else _side(bits, is_small)
    is_default = bits.take(1)
    has_more = 0 if is_default else bits.take(1)
    return Header(width, height, bits.take(3) + 1 if has_more else 1)


def open_jpeg_xl(encoded: bytes) -> Image.Image:
    """The first frame, upright already, in any of the modes of `from_array`."""
    import imagecodecs  # noqa: PLC0415 - heavy, and such files are rare

    # More threads would take cores from other pictures.
    return from_array(imagecodecs.jpegxl_decode(encoded, index=0, numthreads=1))


def _side(bits: _Bits, is_small: int) -> int:
    if is_small:
        return (bits.take(5) + 1) * 8
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


def _codestream(encoded: bytes) -> bytes:
    """The start of the codestream, bare or in a container."""
    if encoded.startswith(b"\xff\x0a"):
        return encoded[:34]
    for box in boxes(encoded):
        if box.kind in (b"jxlc", b"jxlp"):
            # A part of a codestream has a number of 4 bytes before it.
            start = box.start + (4 if box.kind == b"jxlp" else 0)
            if encoded[start : start + 2] == b"\xff\x0a":
                return encoded[start : start + 34]
    raise ValueError("no codestream")
