"""The flow of decoding: recognise, open, load or salvage, resize, convert colours, turn."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode import geometry
from taskworker_classifyimage.decode.colour import BACKGROUND, to_resizable, to_rgb
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.formats.registry import recognise
from taskworker_classifyimage.decode.memory import check_memory
from taskworker_classifyimage.decode.picture import (
    THUMBNAIL_SIDE,
    Decoded,
    DecodeLimits,
    Picture,
    PictureFacts,
)
from taskworker_classifyimage.errors import DamagedPicture, TaskError, TooLarge, one_line
from taskworker_classifyimage.input_spec import InputSpec

#: Of 100 photographs that end early, the default model classifies 70 % right by their upper half
#: (91 % if whole), 27 % by their upper 30 %, 12 % by 20 %, 4 % by 15 %, and none by 10 %.
MIN_SHARE: Final = 0.2
#: With a smaller share of its bytes, a file is not padded to its stated length.
_MIN_BYTES_SHARE: Final = 0.01


def decode(
    encoded: bytes, spec: InputSpec, limits: DecodeLimits, *, thumbnail: bool = False
) -> Decoded:
    """Decodes a picture to a square: turned upright, scaled and cropped to the centre.

    Args:
        encoded: the file.
        spec: what the network takes.
        limits: the largest picture.
        thumbnail: whether a small version of the whole picture is wanted as well.

    Raises:
        EmptyFile: it has no bytes.
        UnsupportedFormat: it is no picture, or one in a format that is not decoded.
        DamagedPicture: it starts as a picture, and too little of it can be decoded.
        TooLarge: it has more pixels than `limits` allow, or needs more memory than there is.
        NeedsMemory: it needs more memory than `limits` allow.
    """
    kind = recognise(encoded)
    with _as_task_errors(f"the {kind.name} picture"):
        picture = _load(kind, encoded, spec, limits)
        square, colour_warnings = _to_square(kind, picture, spec)
        small = _to_thumbnail(kind, picture) if thumbnail else None
        orientation = picture.orientation or 1
        if not picture.is_turned:
            orientation = 1 if spec.as_original else orientation
            # The crop is symmetric, so the small square can be turned instead of the picture.
            square = geometry.turn_upright(square, orientation)
            small = small and geometry.turn_upright(small, orientation)
        found = picture.warnings + colour_warnings
        sides = picture.width, picture.height
        facts = PictureFacts(kind.name, *sides, orientation, picture.decoder, found)
        return Decoded(np.asarray(square), facts, None if small is None else np.asarray(small))


def to_input(image: Image.Image, spec: InputSpec) -> Decoded:
    """An image of Pillow to a square, as `decode` does it with the picture of a file."""
    width, height = image.size
    found: tuple[str, ...] = ()
    if spec.as_original:
        square, orientation = geometry.to_original_square(image, spec.size), 1
    else:
        orientation = geometry.read_orientation(image)
        square, found = to_rgb(geometry.to_square(to_resizable(image), spec))
        square = geometry.turn_upright(square, orientation)
    facts = PictureFacts(image.format or "pixels", width, height, orientation, "none", found)
    return Decoded(np.asarray(square), facts)


def silence_decoders() -> None:
    """Hides the warnings that decoders print for odd files; what matters is raised."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _load(kind: Format, encoded: bytes, spec: InputSpec, limits: DecodeLimits) -> Picture:
    """Decodes the pixels of a picture or of its preview: all of them, or the part that is there."""
    preview = kind.find_preview(encoded, spec.size)
    if preview is not None:
        check_memory(encoded, len(encoded), 1.0, limits)
        encoded, file_orientation, warning = preview
        picture = _load(recognise(encoded), encoded, spec, limits)
        # Some previews have an orientation of their own, for others the file states it.
        orientation = file_orientation if picture.orientation == 1 else picture.orientation
        return replace(picture, orientation=orientation, warnings=(*picture.warnings, warning))
    try:
        return _load_or_salvage(kind, encoded, spec, limits)
    except DamagedPicture as err:
        with _as_task_errors(f"the {kind.name} picture"):
            repaired = kind.repair(encoded)
        if repaired is None:
            raise
        encoded, warning = repaired
        try:
            picture = _load_or_salvage(kind, encoded, spec, limits)
        except DamagedPicture:
            raise err from None
        return replace(picture, warnings=(*picture.warnings, *[warning][: len(warning)]))


def _load_or_salvage(
    kind: Format, encoded: bytes, spec: InputSpec, limits: DecodeLimits
) -> Picture:
    stated_bytes = kind.stated_bytes(encoded)
    if stated_bytes > limits.file_bytes:
        raise DamagedPicture(f"the picture's header says that its file has {stated_bytes} bytes")
    if len(encoded) < stated_bytes * _MIN_BYTES_SHARE:
        raise DamagedPicture("the picture is truncated: almost all of it is missing")
    if kind.is_truncated(encoded):
        return _salvage(kind, encoded, spec, limits)
    picture = _open(kind, encoded, spec, limits)
    if picture.share < 1:
        return _accept_part(picture, spec)
    try:
        loaded = _load_pixels(picture, spec)
        if not kind.is_cut_short(encoded, loaded.image):
            return loaded
        salvaged = _salvage(kind, encoded, spec, limits)
        return loaded if salvaged.share == 1 and not salvaged.is_coarse else salvaged
    except (MemoryError, TaskError):
        raise
    except Exception as err:  # noqa: BLE001 - decoders meet hostile files and raise anything
        try:
            return _salvage(kind, encoded, spec, limits)
        except TaskError:
            raise
        except Exception:  # noqa: BLE001 - the first error says more
            raise DamagedPicture(f"the {kind.name} picture is damaged: {one_line(err)}") from err


def _open(
    kind: Format, encoded: bytes, spec: InputSpec, limits: DecodeLimits, *, extra: float = 0.0
) -> Picture:
    """Opens a picture; all its sizes are checked before a decoder takes memory for them.

    `extra` is what it takes besides, in bytes a pixel.
    """
    with _as_task_errors(f"the {kind.name} picture's header"):
        pixels = 0
        for width, height in kind.sizes(encoded):
            _check_size(width, height, limits.pixels)
            pixels = max(pixels, width * height)
        check_memory(encoded, pixels, kind.opening_bytes(encoded) + extra, limits)
        picture = kind.open(encoded)
        image = picture.image
        _check_size(*image.size, limits.pixels)
        a_pixel = kind.loading_bytes(image, _least_side(spec)) + extra
        check_memory(encoded, image.width * image.height, a_pixel, limits)
        return picture


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise DamagedPicture(f"the picture's header says that it has {width} x {height} pixels")
    if width * height > max_pixels:
        raise TooLarge(f"the picture has {width} x {height} pixels; the limit is {max_pixels}")


def _load_pixels(picture: Picture, spec: InputSpec) -> Picture:
    """Decodes the pixels; then the orientation is known."""
    image = picture.image
    if (least_side := _least_side(spec)) < math.inf:
        # JPEGs can be decoded at 1/2, 1/4 or 1/8 of their size; other decoders ignore this.
        image.draft(None, (int(least_side),) * 2)
    image.load()
    if picture.orientation is None:
        return replace(picture, orientation=geometry.read_orientation(image))
    return picture


def _least_side(spec: InputSpec) -> float:
    """The shorter side, in pixels, to which a decoder may scale a picture down at most."""
    return math.inf if spec.resize == "nearest" else geometry.min_side(spec)


def _salvage(kind: Format, encoded: bytes, spec: InputSpec, limits: DecodeLimits) -> Picture:
    """Decodes the part that is there.

    Raises:
        DamagedPicture: it is less than `MIN_SHARE`.
        Exception: whatever a decoder raises.
    """
    reopen = partial(_open, kind, spec=spec, limits=limits, extra=kind.salvaging_bytes)
    return _accept_part(kind.salvage(encoded, reopen), spec)


def _accept_part(salvaged: Picture, spec: InputSpec) -> Picture:
    if salvaged.mask is None:  # nothing is missing
        return salvaged
    percent = round(100 * salvaged.share)
    if salvaged.share < MIN_SHARE:
        raise DamagedPicture(
            f"the picture is truncated or damaged: {percent} % of it can be decoded, "
            f"at least {MIN_SHARE:.0%} is needed"
        )
    picture = _load_pixels(salvaged, spec)
    warning = f"truncated: {percent} % decoded" + (", in less detail" * picture.is_coarse)
    return replace(picture, warnings=(*picture.warnings, warning))


def _to_square(
    kind: Format, picture: Picture, spec: InputSpec
) -> tuple[Image.Image, tuple[str, ...]]:
    """(S, S) RGB, and the warnings; colours are converted where that takes the least work."""
    if spec.as_original:
        return geometry.to_original_square(picture.image, spec.size), ()
    image = to_resizable(kind.correct(picture.image))
    if picture.mask is None:
        return to_rgb(geometry.to_square(image, spec))
    rgb, colour_warnings = to_rgb(image)
    return geometry.to_square_of_part(rgb, picture.mask, spec), colour_warnings


def _to_thumbnail(kind: Format, picture: Picture) -> Image.Image:
    """A small RGB version of the whole picture, not turned yet."""
    small = geometry.to_thumbnail(to_resizable(kind.correct(picture.image)), THUMBNAIL_SIDE)
    rgb, _ = to_rgb(small)
    if picture.mask is None:
        return rgb
    known = Image.fromarray(picture.mask).convert("L").resize(rgb.size, Image.Resampling.NEAREST)
    return Image.composite(rgb, Image.new("RGB", rgb.size, BACKGROUND), known)


@contextlib.contextmanager
def _as_task_errors(what: str) -> Iterator[None]:
    """Translates errors of decoders, which meet hostile files and raise anything."""
    try:
        yield
    except TaskError:
        raise
    except MemoryError:
        raise TooLarge("the picture needs more memory than there is") from None
    except Exception as err:
        raise DamagedPicture(f"{what} is damaged: {one_line(err)}") from err
