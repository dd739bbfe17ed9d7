"""JPEG XL: its header (ISO/IEC 18181-1, annex D) and its first frame."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode.arrays import from_array
from taskworker_classifyimage.decode.boxes import boxes

#: Width by height, for the ratios that a header can name instead of a width.
_RATIOS: Final = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}

_SAMPLE_BITS: Final = ((8, 0), (10, 0), (12, 0), (1, 6))
#: Ticks a second, as a fraction; loops.
_ANIMATION: Final = (
    ((100, 0), (1000, 0), (1, 10), (1, 30)),
    ((1, 0), (1001, 0), (1, 8), (1, 10)),
    ((0, 0), (0, 3), (0, 16), (0, 32)),
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture's header says.

    Attributes:
        width: in pixels, as stored.
        height: in pixels, as stored.
        orientation: by EXIF, 1 to 8.
        bits: of a whole number; 16 where the header does not tell before what is not read here.
    """

    width: int
    height: int
    orientation: int
    bits: int


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, content: bytes) -> None:
        self._left = int.from_bytes(content, "little")

    def take(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value

    def choose(self, *choices: tuple[int, int]) -> int:
        """A number, and before it which of four ways it is written: what to add, and its bits."""
        least, count = choices[self.take(2)]
        return least + self.take(count)


def read_header(encoded: bytes) -> Header:
    """The header, without decoding anything.

    Raises:
        ValueError: there is none.
    """
    bits = _Bits(_codestream(encoded)[2:34])
    width, height = _size(bits)
    if bits.take(1):
        return Header(width, height, 1, 8)
    has_more = bits.take(1)
    orientation = bits.take(3) + 1 if has_more else 1
    if has_more and bits.take(1):
        _size(bits)  # at which it is meant to be shown
    if has_more and bits.take(1):
        return Header(width, height, orientation, 16)  # with a preview, which nobody writes
    if has_more and bits.take(1):
        for choices in _ANIMATION:
            bits.choose(*choices)
        bits.take(1)  # whether there are time codes
    is_float = bits.take(1)
    return Header(width, height, orientation, 16 if is_float else bits.choose(*_SAMPLE_BITS))


def open_jpeg_xl(encoded: bytes, header: Header) -> Image.Image:
    """The first frame, upright already, in any of the modes of `from_array`."""
    import imagecodecs  # noqa: PLC0415 - heavy, and such files are rare

    # More threads would take cores from other pictures.
    pixels = imagecodecs.jpegxl_decode(encoded, index=0, numthreads=1)
    if pixels.dtype == np.uint16:
        # It leaves 10 bits as they are.
        pixels <<= max(16 - header.bits, 0)
    return from_array(pixels)


def _size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.take(1)
    height = _side(bits, is_small)
    ratio = _RATIOS.get(bits.take(3))
    return height * ratio[0] // ratio[1] if ratio else _side(bits, is_small), height


def _side(bits: _Bits, is_small: int) -> int:
    if is_small:
        return (bits.take(5) + 1) * 8
    return bits.choose((1, 9), (1, 13), (1, 18), (1, 30))


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
