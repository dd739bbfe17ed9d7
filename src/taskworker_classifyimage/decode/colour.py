"""Converts pictures of any mode to RGB, by their ICC profiles.

This takes two steps: before the resize a picture gets a mode that can be resized; profiles, which
cost more per pixel, are applied to the small square.
"""

import io
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode.arrays import from_array, to_uint8

if TYPE_CHECKING:
    from PIL import ImageCms

#: Shown where a picture is transparent or missing: mid-grey, close to the mean of training data.
BACKGROUND: Final = (127, 127, 127)

#: Modes that can be resized as they are.
_RESIZABLE: Final = ("RGB", "L", "RGBA", "LA", "CMYK", "LAB")

#: A printer's profile has up to 3 MB; a larger one is ignored.
_MAX_PROFILE_BYTES: Final = 8 * 2**20
#: Larger profiles are not cached: 32 of them would take memory that pictures need.
_MAX_CACHED_BYTES: Final = 2**20
#: A profile that moves no colour by more than this, of 255, is taken for sRGB: the profiles of that
#: name by HP, Apple, Google, Facebook and Adobe differ among themselves by up to 2.
_SRGB_TOLERANCE: Final = 3
_COLOUR_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "LAB"}


def to_resizable(image: Image.Image) -> Image.Image:
    """Converts palettes, bits and wide numbers to one of the modes that can be resized."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _from_wide(image)
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in _RESIZABLE:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Converts a picture of a resizable mode to RGB, and returns the warnings.

    Colours are converted to sRGB by the picture's profile; where it is transparent, the background
    shows.
    """
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode[:-1]) if alpha is not None else image
    rgb, warnings = to_srgb(colours, image.info.get("icc_profile"))
    if alpha is None:
        return rgb, warnings
    return Image.composite(rgb, Image.new("RGB", rgb.size, BACKGROUND), alpha), warnings


def _from_wide(image: Image.Image) -> Image.Image:
    """One wide channel to "L", or to "LA" if one of its shades is transparent."""
    numbers = np.asarray(image)
    pixels = to_uint8(numbers)
    if (shade := image.info.get("transparency")) is not None:
        pixels = np.dstack([pixels, to_uint8(numbers != shade)])
    narrow = from_array(pixels)
    narrow.info["icc_profile"] = image.info.get("icc_profile")
    return narrow


class _ProfileUnusable(Exception):
    """A profile cannot be used; the message gives the reason."""


def to_srgb(image: Image.Image, profile: object) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture of mode "L", "RGB", "CMYK" or "LAB" to "RGB" in sRGB, and the warnings.

    Without a usable profile, numbers are taken as they are.
    """
    if image.mode == "LAB":
        return _lab_to_srgb(image), ()
    if not isinstance(profile, bytes) or not profile:
        return image.convert("RGB"), ()
    # Many grey pictures have the profile of the colour picture that they were made from.
    if image.mode == "L" and profile[16:20] == b"RGB ":
        image = image.convert("RGB")
    is_small = len(profile) <= _MAX_CACHED_BYTES
    make = _make_transform if is_small else _make_transform.__wrapped__
    try:
        transform = make(profile, image.mode)
    except _ProfileUnusable as err:
        return image.convert("RGB"), (f"colour profile ignored: {err}",)
    if transform is None:
        return image.convert("RGB"), ()
    return transform.apply(image), ()


@lru_cache(maxsize=32)
def _make_transform(profile: bytes, mode: str) -> "ImageCms.ImageCmsTransform | None":
    """The conversion by a profile, None if it changes next to nothing.

    Cached, because the pictures of one camera all have the same profile.

    Raises:
        _ProfileUnusable: the profile is damaged, or made for another kind of picture.
    """
    from PIL import ImageCms  # noqa: PLC0415 - most pictures have no profile

    if len(profile) > _MAX_PROFILE_BYTES:
        raise _ProfileUnusable(f"it has {len(profile)} bytes")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space != _COLOUR_SPACES[mode]:
            raise _ProfileUnusable(f"it is for {space}, the picture is {_COLOUR_SPACES[mode]}")
        transform = ImageCms.ImageCmsTransform(
            source,
            _srgb_profile(),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if mode == "RGB" and _is_srgb(transform) else transform
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError) as err:
        raise _ProfileUnusable("it is damaged") from err


def _is_srgb(transform: "ImageCms.ImageCmsTransform") -> bool:
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(9, 81, 3)
    changed = np.asarray(transform.apply(Image.fromarray(colours)))
    return bool(np.abs(changed.astype(np.int16) - colours).max() <= _SRGB_TOLERANCE)


def _lab_to_srgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms  # noqa: PLC0415 - such pictures are rare

    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCms.ImageCmsTransform(lab, _srgb_profile(), "LAB", "RGB").apply(image)


@cache
def _srgb_profile() -> "ImageCms.ImageCmsProfile":
    from PIL import ImageCms  # noqa: PLC0415 - most pictures have no profile

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
