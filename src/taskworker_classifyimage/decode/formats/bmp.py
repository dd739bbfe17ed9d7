"""BMP, by Microsoft and of OS/2."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import bit_fields
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.run_lengths import unpack_bmp
from taskworker_classifyimage.decode.salvage import Reopen, by_rows
from taskworker_classifyimage.errors import UnsupportedFormat

#: Kinds of headers by their lengths.
_CORE, _OS2_SHORT, _INFO, _WITH_ALPHA, _OS2 = 12, 16, 40, 56, 64
_HEADERS: Final = (_CORE, _OS2_SHORT, _INFO, 52, _WITH_ALPHA, _OS2, 108, 124)
_PLAIN, _RLE_8, _RLE_4, _FIELDS, _ALPHA_FIELDS = 0, 1, 2, 3, 6
#: Compressions that the same numbers stand for where there are no bits, or in OS/2.
_OTHERS: Final = {
    3: "of facsimile code",
    4: "that holds a JPEG or runs of 24 bits",
    5: "that holds a PNG",
}
_MASKS: Final = {
    16: (0x7C00, 0x3E0, 0x1F),
    24: (0xFF0000, 0xFF00, 0xFF),
    32: (0xFF0000, 0xFF00, 0xFF),
}
_MAX_SHADES: Final = 256
#: What is decoded here takes, in bytes a pixel.
_DECODING_BYTES: Final = 22.0


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields that the pixels need; `is_upright` if the top row comes first."""

    size: int
    width: int
    height: int
    is_upright: bool
    bits: int
    compression: int
    shades: int
    masks: tuple[int, ...]
    pixels_at: int


class Bmp(Format):
    """BMP; Pillow decodes the usual kinds, the others are decoded here."""

    name = pillow_name = "BMP"
    module = "PIL.BmpImagePlugin"
    signatures = (b"BM",)

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        header = _read_header(encoded)
        yield header.width, header.height

    def opening_bytes(self, encoded: bytes) -> float:
        """What Pillow does not open is decoded at once."""
        return 0.0 if self._open_usual(encoded) else _DECODING_BYTES

    def open(self, encoded: bytes) -> Picture:
        return self._open_usual(encoded) or self._decode(encoded)

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """The rows that are there."""
        reopen(encoded)  # which fails if there is too little memory
        return self._decode(encoded)

    def _open_usual(self, encoded: bytes) -> Picture | None:
        if _read_header(encoded).compression in (_RLE_8, _RLE_4):
            return None
        return self.try_to_open(encoded)

    def _decode(self, encoded: bytes) -> Picture:
        header = _read_header(encoded)
        image, known = _read_image(encoded, header)
        if not header.is_upright:
            image, known = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), known[::-1]
        picture = Picture(image, header.width, header.height, 1, False, self.describe_decoder())
        return by_rows(picture, known)


def _read_header(encoded: bytes) -> _Header:
    size = _number(encoded, 14)
    if size not in _HEADERS:
        raise ValueError(f"a header of {size} bytes")
    fields = encoded[14 : 14 + size].ljust(_INFO, b"\0")
    if size == _CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", fields, 4)
        compression = shades = 0
    elif size == _OS2_SHORT:
        width, height, _, bits = struct.unpack_from("<IIHH", fields, 4)
        compression = shades = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<IiHHI", fields, 4)
        shades = _number(fields, 32)
    masks_at = 14 + _INFO
    masks = struct.unpack("<4I", encoded[masks_at : masks_at + 16].ljust(16, b"\0"))
    has_alpha = (size >= _WITH_ALPHA and size != _OS2) or compression == _ALPHA_FIELDS
    return _Header(
        *(size, width, abs(height), height < 0, bits, compression, shades),
        masks=masks if has_alpha else masks[:3],
        pixels_at=_number(encoded, 10),
    )


def _number(encoded: bytes, at: int) -> int:
    return int.from_bytes(encoded[at : at + 4], "little")


def _read_image(encoded: bytes, header: _Header) -> tuple[Image.Image, npt.NDArray[np.bool_]]:
    """The picture as it is stored, and which rows are in the file."""
    compression, bits = header.compression, header.bits
    is_os2 = header.size in (_CORE, _OS2_SHORT, _OS2)
    if compression in _OTHERS and (bits == 0 or is_os2):
        raise UnsupportedFormat(f"the file is a BMP {_OTHERS[compression]}, which is not decoded")
    content = encoded[header.pixels_at :]
    row_bytes = (header.width * bits + 31) // 32 * 4
    if compression in (_RLE_8, _RLE_4):
        indices, known = unpack_bmp(
            content, header.width, header.height, 8 if compression == _RLE_8 else 4
        )
        return bit_fields.look_up(indices, _read_palette(encoded, header)), known
    if compression == _PLAIN and bits in (1, 2, 4, 8):
        indices, rows = bit_fields.read_indices(
            content, header.width, header.height, bits, row_bytes
        )
        image = bit_fields.look_up(indices, _read_palette(encoded, header))
    elif bits in (16, 24, 32) and compression in (_PLAIN, _FIELDS, _ALPHA_FIELDS):
        words, rows = bit_fields.read_words(content, header.width, header.height, bits, row_bytes)
        masks = header.masks if compression != _PLAIN else _MASKS[bits]
        image = bit_fields.to_image(words, masks)
    else:
        raise ValueError(f"{bits} bits of compression {compression}")
    return image, np.arange(header.height) < rows


def _read_palette(encoded: bytes, header: _Header) -> npt.NDArray[np.uint8]:
    """(N, 3) red, green and blue."""
    entry = 3 if header.size == _CORE else 4
    start = 14 + header.size
    most = min(header.shades or _MAX_SHADES, _MAX_SHADES)
    count = min(most, max(header.pixels_at - start, 0) // entry)
    stored = encoded[start : start + count * entry].ljust(count * entry, b"\0")
    return np.frombuffer(stored, np.uint8).reshape(count, entry)[:, 2::-1]
