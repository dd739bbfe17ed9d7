"""JPEG XL (header: ISO/IEC 18181-1, annex D)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from taskworker_classifyimage.decode.arrays import from_array
from taskworker_classifyimage.decode.boxes import read_boxes
from taskworker_classifyimage.decode.formats.base import Format, import_library
from taskworker_classifyimage.decode.picture import Picture

_BARE: Final = b"\xff\x0a"
#: The start of a codestream that certainly holds all of the header that is read here.
_MAX_HEADER_BYTES: Final = 34
#: Width by height, for the ratios that a header can state instead of a width.
_RATIOS: Final = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}

_SAMPLE_BITS: Final = ((8, 0), (10, 0), (12, 0), (1, 6))
#: Ticks a second, as a fraction; loops.
_ANIMATION: Final = (
    ((100, 0), (1000, 0), (1, 10), (1, 30)),
    ((1, 0), (1001, 0), (1, 8), (1, 10)),
    ((0, 0), (0, 3), (0, 16), (0, 32)),
)


class JpegXl(Format):
    """JPEG XL, bare or in a container; truncated files are damaged."""

    name = "JPEG XL"
    library = module = "imagecodecs"
    imports = ("imagecodecs:jpegxl_decode",)
    is_rare = True
    signatures = (_BARE, b"\0\0\0\x0cJXL \r\n\x87\n")

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        header = read_header(encoded)
        yield header.width, header.height

    def opening_bytes(self, encoded: bytes) -> float:
        """The library computes with floats, of up to four channels."""
        return 18.0 if read_header(encoded).bits <= 8 else 36.0

    def open(self, encoded: bytes) -> Picture:
        codecs = import_library(self.library, "a JPEG XL picture")
        header = read_header(encoded)
        # More threads would take cores from other pictures.
        pixels = codecs.jpegxl_decode(encoded, index=0, numthreads=1)
        if pixels.dtype == np.uint16:
            # The library does not scale 10 bits to 16.
            pixels <<= max(16 - header.bits, 0)
        image, orientation = from_array(pixels), header.orientation
        # A picture that lies on its side is stored with its sides exchanged.
        width, height = image.size if orientation < 5 else (image.height, image.width)
        return Picture(image, width, height, orientation, True, self.describe_decoder())


class Header(NamedTuple):
    """Sides in pixels as stored, orientation by EXIF, and bits of a whole number.

    The bits are 16 for floats, and where this reader stops before that field.
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
        """A number: two bits choose one of four (offset, count of bits) to read it by."""
        offset, count = choices[self.take(2)]
        return offset + self.take(count)


def read_header(encoded: bytes) -> Header:
    """Reads the header; decodes nothing.

    Raises:
        ValueError: there is no codestream.
    """
    bits = _Bits(_find_codestream(encoded)[2:])
    width, height = _take_size(bits)
    if bits.take(1):
        return Header(width, height, 1, 8)
    has_more = bits.take(1)
    orientation = bits.take(3) + 1 if has_more else 1
    if has_more and bits.take(1):
        _take_size(bits)  # at which it is meant to be shown
    if has_more and bits.take(1):
        return Header(width, height, orientation, 16)  # with a preview, which nobody writes
    if has_more and bits.take(1):
        for choices in _ANIMATION:
            bits.choose(*choices)
        bits.take(1)  # whether there are time codes
    is_float = bits.take(1)
    return Header(width, height, orientation, 16 if is_float else bits.choose(*_SAMPLE_BITS))


def _take_size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.take(1)
    height = _take_side(bits, is_small)
    ratio = _RATIOS.get(bits.take(3))
    return height * ratio[0] // ratio[1] if ratio else _take_side(bits, is_small), height


def _take_side(bits: _Bits, is_small: int) -> int:
    if is_small:
        return (bits.take(5) + 1) * 8
    return bits.choose((1, 9), (1, 13), (1, 18), (1, 30))


def _find_codestream(encoded: bytes) -> bytes:
    """The start of the codestream, bare or in a container."""
    if encoded.startswith(_BARE):
        return encoded[:_MAX_HEADER_BYTES]
    for box in read_boxes(encoded):
        if box.kind in (b"jxlc", b"jxlp"):
            # A part of a codestream has a number of 4 bytes before it.
            start = box.start + (4 if box.kind == b"jxlp" else 0)
            if encoded.startswith(_BARE, start):
                return encoded[start : start + _MAX_HEADER_BYTES]
    raise ValueError("no codestream")
