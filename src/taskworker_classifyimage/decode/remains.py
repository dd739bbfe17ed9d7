"""What is left of a truncated or damaged picture, and which of its pixels that is.

No decoder tells how far it came, so a file is decoded twice with two different stand-ins for what
is missing: where both pictures agree, the pixels come from the file. The stand-ins are two colours
of canvas for decoders that paint row by row, and two kinds of bytes for those that want a whole
file.
"""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from taskworker_classifyimage.decode import segments
from taskworker_classifyimage.decode.identify import Format
from taskworker_classifyimage.decode.opening import Opened
from taskworker_classifyimage.errors import DamagedPicture

#: Opens a variant of the file.
Open = Callable[[bytes], Opened]
Mask = npt.NDArray[np.bool_]

#: The lightest pixel of a mode of one wide channel.
_LIGHT: Final[dict[str, float]] = {"I": 2**31 - 1, "F": 3e38, "I;16": 65535, "I;16B": 65535}

_END_OF_IMAGE: Final = b"\xff\xd9"
#: Random bytes, the same in every run; without 255, which would start markers in a JPEG.
_NOISE: Final = random.Random(5).randbytes(8192).replace(b"\xff", b"\xfe")  # noqa: S311
#: What some decoders bear where noise is too much for them.
_FILLERS: Final = (b"\x55", b"\x80", b"\1", b"\xff")
#: Blocks of video codecs are compared as a whole, in pixels a side.
_BLOCK: Final = 16
#: Fewer bytes than this of a file are not worth standing in for the others.
_LEAST_BYTES_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Remains:
    """A picture of which only a part comes from the file.

    Attributes:
        opened: its image may not be loaded yet; it can be.
        mask: true where the pixels come from the file; (H, W) of the image, or an eighth of that.
        share: of the picture that comes from the file, 0 to 1.
        is_coarse: whether what there is lacks detail.
    """

    opened: Opened
    mask: Mask
    share: float
    is_coarse: bool = False


def find_remains(kind: Format, encoded: bytes, stated_bytes: int, open_: Open) -> Remains:
    """Decodes what is there of a file that ends early or breaks off.

    Raises:
        DamagedPicture: nothing is there, or the format does not allow to find out.
        Exception: whatever a decoder raises.
    """
    if kind is Format.JPEG:
        return _of_jpeg(encoded, open_)
    if not stated_bytes:
        return _by_canvas(kind, encoded, open_)
    if len(encoded) < stated_bytes * _LEAST_BYTES_SHARE:
        raise DamagedPicture("the picture is truncated, hardly anything of it is there")
    if kind is Format.JPEG_2000:
        return _of_jpeg_2000(encoded, stated_bytes, open_)
    return _by_padding(encoded, stated_bytes, open_)


def without_overwritten_end(encoded: bytes) -> bytes:
    """A JPEG without the zeros that a half-written or carved file ends in, if it has no end."""
    if not encoded.endswith(bytes(64)) or segments.has_end(encoded):
        return encoded
    return encoded.rstrip(b"\0")


def _of_jpeg(encoded: bytes, open_: Open) -> Remains:
    # The first half of a marker would make one of whatever stands in for the rest.
    encoded = segments.without_cut_segment(encoded).rstrip(b"\xff")
    opened = open_(encoded + _END_OF_IMAGE)
    is_progressive = segments.is_progressive(encoded)
    first, across, down = _eighth(encoded + _END_OF_IMAGE, open_)
    height, width = first.shape
    mask = np.ones((height, width), dtype=np.bool_)
    if is_progressive and segments.has_later_pass(encoded):
        # Each pass covers the whole picture.
        return Remains(opened, mask, 1.0, is_coarse=True)
    second, _, _ = _eighth(encoded + _NOISE + _END_OF_IMAGE, open_)
    differs = np.abs(first - second) > 2
    share = 1.0
    if differs.any():
        # Blocks come row by row: behind the first that is made up, everything is.
        row = int(differs.any(axis=1).argmax()) // down * down
        column = int(differs[row : row + down].any(axis=0).argmax()) // across * across
        mask[row:] = False
        share = (row + column / width * down) / height
    return Remains(opened, mask, min(share, 1.0), is_coarse=is_progressive)


def _eighth(encoded: bytes, open_: Open) -> tuple[npt.NDArray[np.int16], int, int]:
    """(H/8, W/8) brightness of a JPEG's blocks of 8 x 8, and how many of them a step decodes."""
    image = open_(encoded).image
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", []) or [(1, 1, 1, 0)]
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    image.draft("L", (1, 1))
    image.load()
    return np.asarray(image.convert("L")).astype(np.int16), across, down


def _of_jpeg_2000(encoded: bytes, stated_bytes: int, open_: Open) -> Remains:
    """Each byte refines the whole picture; zeros say that there is nothing to add."""
    missing = stated_bytes - len(encoded)
    opened = open_((encoded + bytes(missing))[:-2] + _END_OF_IMAGE)
    opened.image.load()
    mask = np.ones((opened.image.height, opened.image.width), dtype=np.bool_)
    return Remains(opened, mask, len(encoded) / stated_bytes, is_coarse=True)


def _by_padding(encoded: bytes, stated_bytes: int, open_: Open) -> Remains:
    missing = stated_bytes - len(encoded)
    opened = open_(encoded + bytes(missing))
    opened.image.load()
    first = np.asarray(opened.image.convert("RGB")).astype(np.int16)
    second = np.asarray(_padded(encoded, missing, open_).convert("RGB")).astype(np.int16)
    mask = ~_by_blocks(np.abs(first - second).max(axis=2) > 2)
    red, green, blue = first[-1, -1]
    if red == blue == 0 and (green or opened.image.mode == "L"):
        # What a cell of a grid becomes that fails as a whole, in both: zeros in YCbCr.
        mask &= _by_blocks((first != first[-1, -1]).any(axis=2))
    return Remains(opened, mask, float(mask.mean()))


def _padded(encoded: bytes, missing: int, open_: Open) -> Image.Image:
    """With what differs from zeros and is not more than the decoder bears."""
    noise = (_NOISE * (missing // len(_NOISE) + 1))[:missing]
    *others, last = noise, *(each * missing for each in _FILLERS)
    for filler in others:
        with contextlib.suppress(Exception):
            return _decoded(encoded + filler, open_)
    return _decoded(encoded + last, open_)


def _decoded(encoded: bytes, open_: Open) -> Image.Image:
    image = open_(encoded).image
    image.load()
    return image


def _by_blocks(differs: Mask) -> Mask:
    """(H, W), true in each block in which anything is true."""
    height, width = differs.shape
    padded = np.pad(differs, ((0, -height % _BLOCK), (0, -width % _BLOCK)))
    blocks = padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).any(axis=(1, 3))
    return blocks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:height, :width]


def _by_canvas(kind: Format, encoded: bytes, open_: Open) -> Remains:
    opened, other = open_(encoded), open_(encoded)
    dark, light = opened.image, other.image
    if not isinstance(dark, ImageFile.ImageFile) or not isinstance(light, ImageFile.ImageFile):
        raise DamagedPicture("the picture is damaged")
    # A GIF's frame may be smaller than its picture; what lies around it is not missing.
    frame = dark.tile[0].extents if kind is Format.GIF and dark.tile else None
    _paint_on(dark, is_light=False)
    _paint_on(light, is_light=True)
    mask = np.asarray(dark) == np.asarray(light)
    if mask.ndim == 3:
        mask = mask.all(axis=2)
    left, top, right, bottom = frame or (0, 0, mask.shape[1], mask.shape[0])
    share = float(mask[top:bottom, left:right].mean())
    around = np.ones_like(mask)
    around[top:bottom, left:right] = False
    return Remains(opened, mask | around, share)


def _paint_on(image: ImageFile.ImageFile, *, is_light: bool) -> None:
    """Decodes as far as possible, on a canvas that is all dark or all light."""
    # A TIFF on its side is decoded before it is turned.
    size = getattr(image, "_tile_size", image.size)
    if hasattr(image, "_frame_transparency"):
        # A transparent GIF would take a canvas of its own.
        image._frame_transparency = None  # noqa: SLF001 - there is no other way
    bands = Image.getmodebands(image.mode)
    light = (255,) * bands if bands > 1 else _LIGHT.get(image.mode, 255)
    image.im = Image.new(image.mode, size, light if is_light else 0).im
    try:
        image.load()
    except Exception:  # noqa: BLE001 - why it broke off is known; what it painted is what counts
        if image.tile:
            image.tile = []
            with contextlib.suppress(Exception):
                image.load_end()
