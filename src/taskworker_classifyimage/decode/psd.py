"""Photoshop files: their header, and the merged picture (Adobe's file format specification)."""

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.errors import UnsupportedFormat

#: Colour modes.
BITMAP, GREY, PALETTE, RGB, CMYK, MULTICHANNEL, DUOTONE, LAB = 0, 1, 2, 3, 4, 7, 8, 9
_COLOURS: Final = {BITMAP: 1, GREY: 1, PALETTE: 1, RGB: 3, CMYK: 4, DUOTONE: 1, LAB: 3}
_RAW, _PACKBITS, _ZIP, _ZIP_OF_DIFFERENCES = 0, 1, 2, 3
_HEADER_BYTES: Final = 26
_PROFILE, _TRANSPARENT_INDEX, _EXIF = 1039, 1047, 1058
#: Blocks with the layers of pictures of 16 and 32 bits.
_WIDE_LAYERS: Final = (b"Lr16", b"Lr32", b"Layr")
#: Blocks that say that the merged picture is transparent, without layers.
_MERGED_ALPHA: Final = (b"Mtrn", b"Mt16", b"Mt32")
_MAX_RESOURCES: Final = 1000
_TYPES: Final = {8: ">u1", 16: ">u2", 32: ">f4"}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before its pixels.

    Attributes:
        mode: of colours.
        bits: of each number: 1, 8, 16 or 32.
        width, height: in pixels.
        channels: how many are stored; the first are the colours.
        colours: how many of them are colours.
        has_alpha: whether the channel behind the colours is transparency, not a saved selection.
        palette: red, green and blue as planes, of 256 bytes each.
        profile, exif, transparent: by the file's resources, if it has them.
        compression: of the merged picture.
        lengths_at: offset of the table of the lengths of its rows.
        length_bytes: bytes of each of these lengths.
        pixels_at: offset of the first row.
    """

    mode: int
    bits: int
    width: int
    height: int
    channels: int
    colours: int
    has_alpha: bool
    palette: bytes
    profile: bytes | None
    exif: bytes | None
    transparent: int | None
    compression: int
    lengths_at: int
    length_bytes: int
    pixels_at: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of one channel."""
        return -(-self.width * self.bits // 8)

    @property
    def wanted(self) -> int:
        """How many channels are decoded."""
        return self.colours + self.has_alpha


def read_header(encoded: bytes) -> Header:
    """Reads everything before the pixels.

    Raises:
        UnsupportedFormat: it is of a kind that is not decoded.
        ValueError: it is damaged.
    """
    is_large = encoded[4:6] == b"\0\2"
    channels, height, width = (_number(encoded, at, n) for at, n in ((12, 2), (14, 4), (18, 4)))
    bits, mode = _number(encoded, 22, 2), _number(encoded, 24, 2)
    colours = _COLOURS.get(mode) or _count_inks(mode, channels)
    if bits not in ((1,) if mode == BITMAP else (8, 16, 32)) or colours is None:
        raise ValueError(f"mode {mode} with {bits} bits")
    if channels < colours:
        raise ValueError(f"{channels} channels instead of {colours}")
    palette, at = _section(encoded, _HEADER_BYTES, 4)
    resources_at = at + 4
    _, at = _section(encoded, at, 4)
    found = _read_resources(encoded, resources_at, at)
    layers_at, count_bytes = at, 8 if is_large else 4
    _, at = _section(encoded, at, count_bytes)
    is_transparent = _count_layers(encoded, layers_at, at, count_bytes) < 0 or any(
        encoded.find(b"8BIM" + key, layers_at, at) >= 0 for key in _MERGED_ALPHA
    )
    compression = _number(encoded, at, 2)
    if compression == _ZIP_OF_DIFFERENCES:
        raise UnsupportedFormat("the file is a PSD of deflated differences, which is not decoded")
    if compression not in (_RAW, _PACKBITS, _ZIP):
        raise ValueError(f"compression {compression}")
    length_bytes = 4 if is_large else 2
    table_bytes = channels * height * length_bytes if compression == _PACKBITS else 0
    shade = found.get(_TRANSPARENT_INDEX)
    return Header(
        *(mode, bits, width, height, channels, colours),
        has_alpha=is_transparent and channels > colours,
        palette=palette,
        profile=found.get(_PROFILE),
        exif=found.get(_EXIF),
        transparent=int.from_bytes(shade, "big") if shade else None,
        compression=compression,
        lengths_at=at + 2,
        length_bytes=length_bytes,
        pixels_at=at + 2 + table_bytes,
    )


def read_planes(
    encoded: bytes, header: Header, unpack: Callable[[bytes], bytes]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """(C, H, W) of the colours and of transparency, and (H,) which rows all of them have.

    Args:
        encoded: the file.
        header: what it says.
        unpack: decodes PackBits; raises anything if they are damaged.

    Bits are 1 a byte; other numbers are as they are stored. Missing ones are 0.
    """
    size = header.wanted, header.height, header.row_bytes
    if header.compression == _PACKBITS:
        rows, known = _unpack_rows(encoded, header, unpack)
    else:
        wanted = size[0] * size[1] * size[2]
        if header.compression == _ZIP:
            content = zlib.decompressobj().decompress(encoded[header.pixels_at :], wanted)
        else:
            content = encoded[header.pixels_at : header.pixels_at + wanted]
        rows = np.frombuffer(content.ljust(wanted, b"\0"), np.uint8).reshape(size)
        in_last_plane = len(content) - (size[0] - 1) * size[1] * size[2]
        known = np.arange(header.height) < in_last_plane // max(size[2], 1)
    if header.bits == 1:
        return np.unpackbits(rows, axis=2, count=header.width), known
    return rows.view(_TYPES[header.bits]), known


def _count_inks(mode: int, channels: int) -> int | None:
    """Cyan, magenta, yellow, black; a picture of fewer inks is seen by its first one."""
    return {0: None, 1: 1, 2: 1, 3: 3}.get(channels, 4) if mode == MULTICHANNEL else None


def _number(encoded: bytes, at: int, count: int) -> int:
    return int.from_bytes(encoded[at : at + count], "big")


def _section(encoded: bytes, at: int, count_bytes: int) -> tuple[bytes, int]:
    """A section that begins with its length, if it is short, and the offset behind it."""
    start = at + count_bytes
    end = start + _number(encoded, at, count_bytes)
    return encoded[start : min(end, start + 768)], end


def _read_resources(encoded: bytes, at: int, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for _ in range(_MAX_RESOURCES):
        if at + 12 > min(end, len(encoded)) or not encoded.startswith(b"8B", at):
            break
        kind, name = _number(encoded, at + 4, 2), encoded[at + 6] | 1
        at += 7 + name
        length = _number(encoded, at, 4)
        if kind in (_PROFILE, _TRANSPARENT_INDEX, _EXIF):
            found[kind] = encoded[at + 4 : at + 4 + length]
        at += 4 + length + (length & 1)
    return found


def _count_layers(encoded: bytes, at: int, end: int, count_bytes: int) -> int:
    """How many layers there are; negative if the merged picture is transparent."""
    at += count_bytes
    length = _number(encoded, at, count_bytes)
    if length and at < end:
        return int(np.int16(np.uint16(_number(encoded, at + count_bytes, 2))))
    for kind in _WIDE_LAYERS:
        if (found := encoded.find(b"8BIM" + kind, at, end)) >= 0:
            start = found + 8 + count_bytes
            return int(np.int16(np.uint16(_number(encoded, start, 2))))
    return 0


def _lengths(encoded: bytes, header: Header) -> npt.NDArray[np.int64]:
    """(C, H) bytes of each row."""
    table = encoded[header.lengths_at : header.pixels_at]
    lengths = np.frombuffer(table, f">u{header.length_bytes}").astype(np.int64)
    return lengths.reshape(header.channels, header.height)


def _unpack_rows(
    encoded: bytes, header: Header, unpack: Callable[[bytes], bytes]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    rows = np.zeros((header.wanted, header.height, header.row_bytes), np.uint8)
    known = np.ones(header.height, np.bool_)
    if len(encoded) < header.pixels_at:
        return rows, ~known
    lengths, at = _lengths(encoded, header), header.pixels_at
    for plane in range(header.wanted):
        for row in range(header.height):
            end = at + int(lengths[plane, row])
            unpacked = b""
            with suppress(Exception):
                unpacked = unpack(encoded[at:end])
            # A row that is too long is clipped; one that is too short was cut or overwritten.
            if len(unpacked) >= header.row_bytes:
                rows[plane, row] = np.frombuffer(unpacked, np.uint8, header.row_bytes)
            else:
                known[row] = False
            at = end
    return rows, known
