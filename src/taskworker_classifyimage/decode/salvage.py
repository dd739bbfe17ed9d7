"""Decodes what is left of a truncated or damaged picture, and finds out which pixels that is.

No decoder reports how far it came. So a file is decoded twice with two different replacements for
what is missing: where both images agree, the pixels come from the file. The replacements are two
colours of canvas for decoders that paint row by row, and two kinds of bytes for decoders that
reject incomplete files.
"""

import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageFile

from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.errors import DamagedPicture

if TYPE_CHECKING:
    import numpy.typing as npt

    from taskworker_classifyimage.decode.picture import Mask

#: Opens a changed version of the file.
Reopen = Callable[[bytes], Picture]

#: Random bytes, the same in every run; without 255, which would start markers in a JPEG.
NOISE: Final = random.Random(5).randbytes(8192).replace(b"\xff", b"\xfe")  # noqa: S311

#: The first that the decoder accepts is used.
_FILLERS: Final = (NOISE, b"\x55", b"\x80", b"\1", b"\xff")
#: The lightest pixel of a mode of one wide channel.
_WHITE: Final[dict[str, float]] = {"I": 2**31 - 1, "F": 3e38, "I;16": 65535, "I;16B": 65535}
#: Blocks of video codecs are compared as a whole, in pixels a side.
_BLOCK: Final = 16
#: Images differ where a channel does by more than this, of 255.
_TOLERANCE: Final = 2


def by_canvas(
    first: Picture, second: Picture, frame: tuple[int, int, int, int] | None = None
) -> Picture:
    """Decodes a file, opened twice, as far as possible: on a black and on a white canvas.

    `frame` is (left, top, right, bottom) of what the decoder paints, if that is not all; nothing is
    missing around it.

    Raises:
        DamagedPicture: the decoder paints on no canvas of ours.
    """
    black, white = first.image, second.image
    if not isinstance(black, ImageFile.ImageFile) or not isinstance(white, ImageFile.ImageFile):
        raise DamagedPicture("the picture is damaged")
    _paint(black, is_white=False)
    _paint(white, is_white=True)
    mask = np.asarray(black) == np.asarray(white)
    if mask.ndim == 3:
        mask = mask.all(axis=2)
    left, top, right, bottom = frame or (0, 0, mask.shape[1], mask.shape[0])
    share = float(mask[top:bottom, left:right].mean())
    around = np.ones_like(mask)
    around[top:bottom, left:right] = False
    return replace(first, mask=mask | around, share=share)


def by_rows(picture: Picture, known: "npt.NDArray[np.bool_]") -> Picture:
    """Notes which rows of a decoded picture come from the file, (H,) of its image."""
    if known.all():
        return picture
    mask = np.repeat(known[:, np.newaxis], picture.image.width, axis=1)
    return replace(picture, mask=mask, share=float(known.mean()))


def by_padding(encoded: bytes, stated_bytes: int, reopen: Reopen) -> Picture:
    """Decodes a file of blocks with zeros and with other bytes in place of the missing ones.

    `stated_bytes` is its length when it was complete.
    """
    missing = stated_bytes - len(encoded)
    picture = reopen(encoded + bytes(missing))
    picture.image.load()
    first = np.asarray(picture.image.convert("RGB")).astype(np.int16)
    second = np.asarray(_pad(encoded, missing, reopen).convert("RGB")).astype(np.int16)
    mask = ~_expand_to_blocks(np.abs(first - second).max(axis=2) > _TOLERANCE)
    red, green, blue = first[-1, -1]
    if red == blue == 0 and (green or picture.image.mode == "L"):
        # A cell of a grid that fails as a whole has this colour in both: zeros in YCbCr.
        mask &= _expand_to_blocks((first != first[-1, -1]).any(axis=2))
    return replace(picture, mask=mask, share=float(mask.mean()))


def _paint(image: ImageFile.ImageFile, *, is_white: bool) -> None:
    """Decodes as far as possible, on a canvas of one colour."""
    # A TIFF that is stored on its side is decoded before it is turned.
    size = getattr(image, "_tile_size", image.size)
    bands = Image.getmodebands(image.mode)
    white = (255,) * bands if bands > 1 else _WHITE.get(image.mode, 255)
    image.im = Image.new(image.mode, size, white if is_white else 0).im
    try:
        image.load()
    except Exception:  # noqa: BLE001 - it is known to be damaged; what it painted is what counts
        if image.tile:
            image.tile = []
            with contextlib.suppress(Exception):
                image.load_end()


def _pad(encoded: bytes, missing: int, reopen: Reopen) -> Image.Image:
    """Decodes the file with bytes other than zeros in place of the missing ones."""

    def decode(filler: bytes) -> Image.Image:
        image = reopen(encoded + (filler * (missing // len(filler) + 1))[:missing]).image
        image.load()
        return image

    *fillers, last = _FILLERS
    for filler in fillers:
        with contextlib.suppress(Exception):
            return decode(filler)
    return decode(last)


def _expand_to_blocks(differs: "Mask") -> "Mask":
    """(H, W), true in each block in which anything is true."""
    height, width = differs.shape
    padded = np.pad(differs, ((0, -height % _BLOCK), (0, -width % _BLOCK)))
    blocks = padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).any(axis=(1, 3))
    return blocks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:height, :width]
