"""DDS, textures of games (Microsoft's programming guide for DDS)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode import bit_fields
from taskworker_classifyimage.decode.arrays import from_array
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import by_rows

_HEADER_BYTES: Final = 128
_DX10_BYTES: Final = 20
_ALPHA_ONLY, _FOURCC, _RGB, _LUMINANCE = 2, 4, 0x40, 0x20000
_WITH_ALPHA: Final = 1
#: Formats whose blocks are those of another one: multiplied with alpha, or for other numbers.
_SAME_FOURCC: Final = {b"DXT2": b"DXT3", b"DXT4": b"DXT5"}
_SAME_DXGI: Final = {72: 71, 75: 74, 78: 77, 29: 28, 91: 87, 93: 88}
#: (bits, masks of red, green, blue, alpha) of plain formats by their numbers in DX10.
_PLAIN: Final = {
    28: (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
    87: (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    88: (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    24: (32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)),
    56: (16, (0xFFFF, 0xFFFF, 0xFFFF, 0)),
    61: (8, (0xFF, 0xFF, 0xFF, 0)),
    85: (16, (0xF800, 0x7E0, 0x1F, 0)),
    86: (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    115: (16, (0xF00, 0xF0, 0xF, 0xF000)),
}
#: Types and counts of wide numbers, by their number in DX10, and by that of Direct3D 9.
_WIDE_DXGI: Final = {
    2: ("<f4", 4),
    10: ("<f2", 4),
    11: ("<u2", 4),
    16: ("<f4", 2),
    34: ("<f2", 2),
    35: ("<u2", 2),
    41: ("<f4", 1),
    54: ("<f2", 1),
}
_WIDE_FOURCC: Final = {
    36: ("<u2", 4),
    111: ("<f2", 1),
    112: ("<f2", 2),
    113: ("<f2", 4),
    114: ("<f4", 1),
    115: ("<f4", 2),
    116: ("<f4", 4),
}


class Dds(Format):
    """DDS; Pillow decodes blocks, plain pixels are decoded here."""

    name = pillow_name = "DDS"
    module = "PIL.DdsImagePlugin"
    signatures = (b"DDS ",)

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        yield _little(encoded, 16), _little(encoded, 12)

    def opening_bytes(self, encoded: bytes) -> float:
        """Plain pixels are decoded at once, wide ones as floats."""
        return 40.0 if _find_wide(encoded) else 22.0

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        return 16.0

    def open(self, encoded: bytes) -> Picture:
        width, height = _little(encoded, 16), _little(encoded, 12)
        if wide := _find_wide(encoded):
            image, rows = _read_wide(encoded, width, height, wide)
            picture = Picture(image, width, height, 1, False, self.describe_decoder())
            return by_rows(picture, np.arange(height) < rows)
        plain = _find_plain(encoded)
        if plain is None:
            return super().open(_with_known_format(encoded))
        bits, masks, start = plain
        row_bytes = width * bits // 8
        words, rows = bit_fields.read_words(encoded[start:], width, height, bits, row_bytes)
        if len(set(masks[:3])) == 1:
            image = Image.fromarray(bit_fields.take_field(words, masks[0]))
            if masks[3]:
                image.putalpha(Image.fromarray(bit_fields.take_field(words, masks[3])))
        else:
            image = bit_fields.to_image(words, masks)
        picture = Picture(image, width, height, 1, False, self.describe_decoder())
        return by_rows(picture, np.arange(height) < rows)


def _find_plain(encoded: bytes) -> tuple[int, tuple[int, ...], int] | None:
    """Bits, masks and the offset of plain pixels; None if they are stored otherwise."""
    flags, bits = _little(encoded, 80), _little(encoded, 88)
    red, green, blue, alpha = (_little(encoded, at) for at in (92, 96, 100, 104))
    if flags & _FOURCC:
        number = _little(encoded, 128)
        plain = _PLAIN.get(_SAME_DXGI.get(number, number)) if encoded[84:88] == b"DX10" else None
        return plain and (*plain, _HEADER_BYTES + _DX10_BYTES)
    if bits not in (8, 16, 24, 32) or not flags & (_RGB | _LUMINANCE | _ALPHA_ONLY):
        return None
    if not flags & (_RGB | _LUMINANCE):
        red = green = blue = alpha
    elif not green and not blue:  # brightness, also where the file calls it red
        green = blue = red
    has_alpha = flags & _WITH_ALPHA and flags & (_RGB | _LUMINANCE)
    return bits, (red, green, blue, alpha if has_alpha else 0), _HEADER_BYTES


def _find_wide(encoded: bytes) -> tuple[str, int, int] | None:
    """Type and count of wide numbers, and their offset; None if they are stored otherwise."""
    if not _little(encoded, 80) & _FOURCC:
        return None
    if encoded[84:88] == b"DX10":
        wide = _WIDE_DXGI.get(_little(encoded, 128))
        return wide and (*wide, _HEADER_BYTES + _DX10_BYTES)
    wide = _WIDE_FOURCC.get(_little(encoded, 84))
    return wide and (*wide, _HEADER_BYTES)


def _read_wide(
    encoded: bytes, width: int, height: int, wide: tuple[str, int, int]
) -> tuple[Image.Image, int]:
    """Numbers of 16 and 32 bits; of two, as maps of surfaces have them, the first is shown."""
    kind, count, start = wide
    row_bytes = width * count * np.dtype(kind).itemsize
    content = encoded[start : start + height * row_bytes]
    rows = len(content) // row_bytes
    numbers = np.frombuffer(content.ljust(height * row_bytes, b"\0"), kind)
    pixels = numbers.reshape(height, width, count)
    return from_array(pixels[:, :, :1] if count == 2 else pixels), rows


def _with_known_format(encoded: bytes) -> bytes:
    """The same blocks by a name that Pillow knows."""
    name = encoded[84:88]
    if name in _SAME_FOURCC:
        return encoded[:84] + _SAME_FOURCC[name] + encoded[88:]
    number = _little(encoded, 128)
    if name == b"DX10" and number in _SAME_DXGI:
        return encoded[:128] + _SAME_DXGI[number].to_bytes(4, "little") + encoded[132:]
    return encoded


def _little(encoded: bytes, at: int) -> int:
    return int.from_bytes(encoded[at : at + 4], "little")
