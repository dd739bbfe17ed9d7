"""TGA (Truevision's file format)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from taskworker_classifyimage.decode import bit_fields
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.run_lengths import unpack_tga
from taskworker_classifyimage.decode.salvage import Reopen, by_rows

_HEADER_BYTES: Final = 18
#: What is decoded here takes, in bytes a pixel.
_DECODING_BYTES: Final = 22.0
_PALETTE, _GREY, _RUNS = 1, 3, 8
_MASKS: Final = {
    15: (0x7C00, 0x3E0, 0x1F),
    16: (0x7C00, 0x3E0, 0x1F),
    24: (0xFF0000, 0xFF00, 0xFF),
    32: (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
}
#: Bits of a palette's colours that writers state where there is no palette.
_NO_PALETTE: Final = (0, 15, 16, 24, 32)
_FROM_RIGHT, _FROM_TOP = 0x10, 0x20


class Tga(Format):
    """TGA, which has no signature: every field of the header has to be plausible."""

    name = pillow_name = "TGA"
    module = "PIL.TgaImagePlugin"

    def recognises(self, encoded: bytes) -> bool:
        if len(encoded) < _HEADER_BYTES:
            return False
        has_palette, kind, bits, descriptor = encoded[1], encoded[2], encoded[16], encoded[17]
        return (
            has_palette in (0, 1)
            and kind in (1, 2, 3, 9, 10, 11)
            and bits in (1, 8, 15, 16, 24, 32)
            and descriptor & 0xC0 == 0
            and (has_palette == 1 or (encoded[3:7] == bytes(4) and encoded[7] in _NO_PALETTE))
            and encoded[12:14] != b"\0\0"
            and encoded[14:16] != b"\0\0"
        )

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        yield _little(encoded, 12), _little(encoded, 14)

    def opening_bytes(self, encoded: bytes) -> float:
        """What Pillow does not open is decoded at once."""
        return 0.0 if self._open_usual(encoded) else _DECODING_BYTES

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:
        """With a copy, if its alpha is 0 everywhere."""
        return 4.0 + super().loading_bytes(image, least_side)

    def open(self, encoded: bytes) -> Picture:
        return self._open_usual(encoded) or self._decode(encoded)

    def _open_usual(self, encoded: bytes) -> Picture | None:
        # Pillow shows 16 bits of colour with a bit of transparency, which most writers leave at 0,
        # and colours under transparency of a palette.
        is_odd = encoded[16] in (15, 16) and encoded[2] & 7 != _GREY
        if not is_odd and not (encoded[1] and encoded[7] == 32):
            picture = self.try_to_open(encoded)
            # It opens kinds that it cannot decode.
            if picture and isinstance(picture.image, ImageFile.ImageFile) and picture.image.tile:
                return picture
        return None

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Runs that are longer than the picture do not end it."""
        reopen(encoded)  # which fails if there is too little memory
        return self._decode(encoded)

    def correct(self, image: Image.Image) -> Image.Image:
        """Ignores alpha that is 0 everywhere: programs that do not support alpha write that."""
        if image.mode == "RGBA" and not image.getchannel("A").getbbox():
            return image.convert("RGB")
        return image

    def _decode(self, encoded: bytes) -> Picture:
        width, height = _little(encoded, 12), _little(encoded, 14)
        image, rows = _read_image(encoded, width, height)
        known = np.arange(height) < rows
        if not encoded[17] & _FROM_TOP:
            image, known = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), known[::-1]
        if encoded[17] & _FROM_RIGHT:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        picture = Picture(image, width, height, 1, False, self.describe_decoder())
        return by_rows(picture, known)


def _read_image(encoded: bytes, width: int, height: int) -> tuple[Image.Image, int]:
    """The picture as it is stored, and how many of its rows are in the file."""
    kind, bits = encoded[2], encoded[16]
    palette, start = _read_palette(encoded)
    content, pixel_bytes = encoded[start:], -(-bits // 8)
    if kind & _RUNS:
        content = unpack_tga(content, pixel_bytes, width * height)
    row_bytes = width * pixel_bytes if bits > 1 else -(-width // 8)
    if bits == 1:
        shades, rows = bit_fields.read_indices(content, width, height, 1, row_bytes)
        return Image.fromarray(shades * np.uint8(255)), rows
    words, rows = bit_fields.read_words(content, width, height, pixel_bytes * 8, row_bytes)
    if kind & 7 == _PALETTE and palette is not None:
        return bit_fields.look_up(words.clip(0, 65535), palette), rows
    if kind & 7 == _GREY or bits == 8:
        shades = (words & np.uint32(255)).astype(np.uint8)
        if bits == 16:
            return Image.fromarray(
                np.dstack([shades, (words >> np.uint32(8)).astype(np.uint8)])
            ), rows
        return Image.fromarray(shades), rows
    return bit_fields.to_image(words, _MASKS[bits]), rows


def _read_palette(encoded: bytes) -> tuple[npt.NDArray[np.uint8] | None, int]:
    """(N, 3) or (N, 4) colours, if there are any, and the offset behind them."""
    first, count, bits = _little(encoded, 3), _little(encoded, 5), encoded[7]
    at = _HEADER_BYTES + encoded[0]
    if not encoded[1] or bits not in _MASKS:
        return None, at
    entry = -(-bits // 8)
    content = bytes(first * entry) + encoded[at : at + count * entry]
    words, _ = bit_fields.read_words(content, first + count, 1, entry * 8, (first + count) * entry)
    return np.asarray(bit_fields.to_image(words, _MASKS[bits]))[0], at + count * entry


def _little(encoded: bytes, at: int) -> int:
    return int.from_bytes(encoded[at : at + 2], "little")
