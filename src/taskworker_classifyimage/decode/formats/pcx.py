"""PCX (ZSoft's file format)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.decode import bit_fields
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.run_lengths import unpack_pcx
from taskworker_classifyimage.decode.salvage import Reopen, by_rows
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat

_HEADER_BYTES: Final = 128
#: What is decoded here takes, in bytes a pixel.
_DECODING_BYTES: Final = 22.0
#: (bits, planes): of one shade or colours; with up to 16 or with 256 colours in a palette.
_KINDS: Final = ((1, 1), (8, 3), (8, 4), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (4, 1), (8, 1))
_MOST_PADDING: Final = 64
_BEHIND_BYTES: Final = 769
#: The colours of an EGA card, for files of before palettes.
_EGA: Final = np.array(
    [
        *((0, 0, 0), (0, 0, 170), (0, 170, 0), (0, 170, 170), (170, 0, 0), (170, 0, 170)),
        *((170, 85, 0), (170, 170, 170), (85, 85, 85), (85, 85, 255), (85, 255, 85)),
        *((85, 255, 255), (255, 85, 85), (255, 85, 255), (255, 255, 85), (255, 255, 255)),
    ],
    np.uint8,
)
#: The foreground colours of a CGA card: dark and light, of two palettes.
_CGA: Final = {
    (False, False): (2, 4, 6),
    (False, True): (10, 12, 14),
    (True, False): (3, 5, 7),
    (True, True): (11, 13, 15),
}


class Pcx(Format):
    """PCX; Pillow decodes the usual kinds, the others are decoded here."""

    name = pillow_name = "PCX"
    module = "PIL.PcxImagePlugin"
    # A version, then the only encoding.
    signatures = tuple(b"\x0a%c\1" % version for version in (0, 2, 3, 4, 5))

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        yield _read_size(encoded)

    def opening_bytes(self, encoded: bytes) -> float:
        """What Pillow does not open is decoded at once."""
        return 0.0 if self.try_to_open(encoded) else _DECODING_BYTES

    def open(self, encoded: bytes) -> Picture:
        return self.try_to_open(encoded) or self._decode(encoded)

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Rows that are longer than they should be are cut off, and do not end the picture."""
        reopen(encoded)  # which fails if there is too little memory
        return self._decode(encoded)

    def _decode(self, encoded: bytes) -> Picture:
        width, height = _read_size(encoded)
        bits, planes = encoded[3], encoded[65]
        stride = int.from_bytes(encoded[66:68], "little")
        if (bits, planes) not in _KINDS:
            raise UnsupportedFormat(
                f"the file is a PCX of {planes} planes of {bits} bits, which is not decoded"
            )
        row_bytes = -(-width * bits // 8)
        if not row_bytes <= stride <= 2 * row_bytes + _MOST_PADDING:
            raise DamagedPicture(f"the PCX picture's header says that rows have {stride} bytes")
        packed, known = unpack_pcx(encoded[_HEADER_BYTES:], stride * planes, height)
        image = _to_image(packed.reshape(height, planes, stride), width, bits, encoded)
        picture = Picture(image, width, height, 1, False, self.describe_decoder())
        return by_rows(picture, np.arange(height) < known)


def _read_size(encoded: bytes) -> tuple[int, int]:
    left, top, right, bottom = (
        int.from_bytes(encoded[at : at + 2], "little") for at in (4, 6, 8, 10)
    )
    return right - left + 1, bottom - top + 1


def _to_image(rows: npt.NDArray[np.uint8], width: int, bits: int, encoded: bytes) -> Image.Image:
    """(H, planes, stride) bytes to a picture."""
    height, planes, stride = rows.shape
    if bits == 8 and planes in (3, 4):
        pixels = np.ascontiguousarray(rows[:, :, :width].transpose(0, 2, 1))
        return Image.fromarray(pixels)
    indices = np.zeros((height, width), np.uint8)
    for plane in range(planes):
        content = rows[:, plane].tobytes()
        numbers, _ = bit_fields.read_indices(content, width, height, bits, stride)
        indices |= numbers << np.uint8(bits * plane)
    return bit_fields.look_up(indices, _read_palette(encoded, bits, planes))


def _read_palette(encoded: bytes, bits: int, planes: int) -> npt.NDArray[np.uint8]:
    if (bits, planes) == (1, 1):
        return np.array([(0, 0, 0), (255, 255, 255)], np.uint8)
    stored = np.frombuffer(encoded[16:64].ljust(48, b"\0"), np.uint8).reshape(16, 3)
    if (bits, planes) == (8, 1):
        behind = encoded[-_BEHIND_BYTES:]
        if behind[:1] == b"\x0c" and len(behind) == _BEHIND_BYTES:
            return np.frombuffer(behind[1:], np.uint8).reshape(256, 3)
        return np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    if (bits, planes) == (2, 1) and not stored[2:4].any():
        status = encoded[19]
        front = _CGA[bool(status & 0x40), bool(status & 0x20)]
        return _EGA[[encoded[16] >> 4, *front]]
    return _EGA if encoded[1] == 3 or not stored.any() else stored
