"""Reads the samples of a TIFF: of any bits, in strips, tiles and planes (TIFF 6.0)."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.decode import tiff_directories as tiff
from taskworker_classifyimage.decode.tiff_directories import Directory, first_value

#: Decompresses a block of so many bytes at most.
Unpack = Callable[[bytes, int], bytes]

TILE_OFFSETS = 324
_STRIP_OFFSETS, _ROWS, _STRIP_COUNTS, _TILE_COUNTS = 273, 278, 279, 325
_FILL_ORDER, _PREDICTOR, _SUBSAMPLING = 266, 317, 530
_NO_PREDICTOR, _HORIZONTAL = 1, 2
_PLANES: Final = 2
YCBCR: Final = 6
_UNCOMPRESSED, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 8, 32946, 32773
#: What is decompressed here.
COMPRESSIONS: Final = (_UNCOMPRESSED, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS)
#: A tile may be larger than the picture, but not by much.
_MAX_TILE_PIXELS: Final = 2**26


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the samples of the first picture are.

    Attributes:
        directory: all values of its tags.
        order: of bytes.
    """

    directory: Directory
    order: Literal["little", "big"]

    def first(self, tag: int, default: int = 1) -> int:
        """The first value of a tag."""
        return first_value(self.directory, tag, default)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.first(tiff.WIDTH, 0), self.first(tiff.LENGTH, 0)

    @property
    def samples(self) -> int:
        """How many numbers a pixel has."""
        return self.first(tiff.SAMPLES)

    @property
    def is_planar(self) -> bool:
        """Whether each of them has a plane of its own."""
        return self.first(tiff.PLANAR) == _PLANES and self.samples > 1

    @property
    def is_tiled(self) -> bool:
        """Whether blocks are tiles; some writers call their offsets those of strips."""
        return TILE_OFFSETS in self.directory or tiff.TILE_WIDTH in self.directory

    @property
    def subsampling(self) -> tuple[int, int]:
        """Columns and rows of pixels that share their colours."""
        if self.first(tiff.PHOTOMETRIC) != YCBCR:
            return 1, 1
        across, down = (*self.directory.get(_SUBSAMPLING, (2, 2)), 1)[:2]
        if across not in (1, 2, 4) or down not in (1, 2, 4):
            raise ValueError(f"subsampling of {across} x {down}")
        return across, down

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of a strip or tile, in pixels."""
        width, height = self.size
        if self.is_tiled:
            across, down = self.first(tiff.TILE_WIDTH, 0), self.first(tiff.TILE_LENGTH, 0)
        else:
            across, down = width, min(self.first(_ROWS, height), height)
        if across < 1 or down < 1 or across * down > _MAX_TILE_PIXELS + width * height:
            raise ValueError(f"blocks of {across} x {down}")
        return across, down


def read_layout(encoded: bytes) -> Layout:
    """Reads the first directory of a TIFF."""
    return Layout(tiff.read_long_values(encoded), tiff.read_order(encoded))


def read_samples(
    encoded: bytes, layout: Layout, unpack: dict[int, Unpack]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """(H, W, C) samples as they are stored, and (H, W) where there are any; others are 0.

    Colours that pixels share are repeated.

    Args:
        encoded: the file.
        layout: where they are.
        unpack: by compression, what decompresses a block; it raises anything.
    """
    width, height = layout.size
    across, down = layout.block
    share_across, share_down = layout.subsampling
    bits = layout.first(tiff.BITS)
    kind = np.uint8 if bits <= 8 else np.uint16
    pixels = np.zeros((height, width, layout.samples), kind)
    known = np.zeros((height, width), np.bool_)
    blocks = [*product(range(0, height, down), range(0, width, across))]
    planes = range(layout.samples) if layout.is_planar else range(1)
    for plane in planes:
        shared = layout.is_planar and plane > 0
        for number, (top, left) in enumerate(blocks):
            rows = down if layout.is_tiled else min(down, height - top)
            found = _read_block(
                encoded, layout, unpack, plane * len(blocks) + number, (across, rows, shared)
            )
            if found is None:
                known[top : top + down, left : left + across] = False
                continue
            part = found[: height - top, : width - left]
            if layout.is_planar:
                if shared:
                    part = part.repeat(share_down, 0).repeat(share_across, 1)
                    part = part[: height - top, : width - left]
                pixels[top : top + part.shape[0], left : left + part.shape[1], plane] = part[..., 0]
            else:
                pixels[top : top + part.shape[0], left : left + part.shape[1]] = part
            if plane == 0:
                known[top : top + part.shape[0], left : left + part.shape[1]] = True
    return pixels, known


def _read_block(
    encoded: bytes,
    layout: Layout,
    unpack: dict[int, Unpack],
    number: int,
    sides: tuple[int, int, bool],
) -> npt.NDArray[Any] | None:
    """(rows, columns, C) of one block; None if it is not there."""
    across, rows, shared = sides
    share_across, share_down = layout.subsampling
    is_mixed = (share_across, share_down) != (1, 1) and not layout.is_planar
    samples = 1 if layout.is_planar else layout.samples
    if shared:
        across, rows = -(-across // share_across), -(-rows // share_down)
    units = -(-across // share_across), -(-rows // share_down)
    in_unit = share_across * share_down + 2
    bits = layout.first(tiff.BITS)
    row_bytes = units[0] * in_unit if is_mixed else -(-across * samples * bits // 8)
    wanted = (units[1] if is_mixed else rows) * row_bytes
    content = _read_content(encoded, layout, unpack, number, wanted)
    if content is None or len(content) < wanted:
        return None
    packed = np.frombuffer(content, np.uint8, wanted)
    if is_mixed:
        return _separate(packed.reshape(units[1], units[0], in_unit), (share_across, share_down))
    numbers = _to_numbers(packed.reshape(rows, row_bytes), bits, across * samples, layout.order)
    numbers = numbers.reshape(rows, across, samples)
    if layout.first(_PREDICTOR) == _HORIZONTAL:
        numbers = np.cumsum(numbers, axis=1, dtype=numbers.dtype)
    return numbers


def _read_content(
    encoded: bytes, layout: Layout, unpack: dict[int, Unpack], number: int, wanted: int
) -> bytes | None:
    has_tiles = TILE_OFFSETS in layout.directory
    offsets = layout.directory.get(TILE_OFFSETS if has_tiles else _STRIP_OFFSETS, ())
    counts = layout.directory.get(_TILE_COUNTS if has_tiles else _STRIP_COUNTS, ())
    if number >= len(offsets):
        return None
    count = counts[number] if number < len(counts) else wanted
    compression = layout.first(tiff.COMPRESSION)
    if compression == _UNCOMPRESSED:
        # Some writers state no length, or a wrong one.
        count = max(count, wanted)
    content = encoded[offsets[number] : offsets[number] + count]
    if layout.first(_FILL_ORDER) == 2:
        content = content.translate(_REVERSED)
    if compression == _UNCOMPRESSED:
        return content
    if compression in (_DEFLATE, _OLD_DEFLATE):
        return zlib.decompressobj().decompress(content, wanted)
    try:
        return unpack[compression](content, wanted)
    except Exception:  # noqa: BLE001 - a damaged block is one that is missing
        return None


def _to_numbers(
    packed: npt.NDArray[np.uint8], bits: int, count: int, order: Literal["little", "big"]
) -> npt.NDArray[Any]:
    """(rows, bytes) to (rows, count) numbers."""
    if bits == 8:
        return packed[:, :count]
    if bits == 16:
        return packed.view("<u2" if order == "little" else ">u2")[:, :count].astype(np.uint16)
    numbers = np.empty((len(packed), count), np.uint8 if bits <= 8 else np.uint16)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
    for row, content in enumerate(packed):
        numbers[row] = np.unpackbits(content, count=count * bits).reshape(count, bits) @ weights
    return numbers


def _separate(units: npt.NDArray[np.uint8], sharing: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(rows, columns, n) units of several brightnesses and two colours to (H, W, 3)."""
    across, down = sharing
    rows, columns, _ = units.shape
    brightness = units[:, :, :-2].reshape(rows, columns, down, across)
    pixels = np.empty((rows * down, columns * across, 3), np.uint8)
    pixels[:, :, 0] = brightness.transpose(0, 2, 1, 3).reshape(rows * down, columns * across)
    for plane in (1, 2):
        pixels[:, :, plane] = units[:, :, plane - 3].repeat(down, 0).repeat(across, 1)
    return pixels


_REVERSED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
