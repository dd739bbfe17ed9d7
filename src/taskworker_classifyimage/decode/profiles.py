"""Colours as a picture's ICC profile means them, converted to sRGB."""

import io
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

#: A printer's profile has up to 3 MB; what is larger is not worth its time.
_LARGEST_BYTES: Final = 8 * 2**20
#: What 32 profiles that are kept may have each, or pictures to come would lack the memory.
_LARGEST_KEPT_BYTES: Final = 2**20
#: A profile that moves no colour by more than this, of 255, is taken for sRGB: the profiles of that
#: name by HP, Apple, Google, Facebook and Adobe differ among themselves by up to 2.
_UNSEEN: Final = 3
_COLOUR_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "LAB"}


class _Refused(Exception):
    """A profile that cannot be used; says why."""


def to_srgb(image: Image.Image, profile: object) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture of mode "L", "RGB", "CMYK" or "LAB" to "RGB" in sRGB, and the warnings.

    Without a profile, or with one that cannot be used, numbers are taken as they are.
    """
    if image.mode == "LAB":
        return _from_lab(image), ()
    if not isinstance(profile, bytes) or not profile:
        return image.convert("RGB"), ()
    # Many grey pictures carry the profile of the colour pictures they were made of.
    if image.mode == "L" and profile[16:20] == b"RGB ":
        image = image.convert("RGB")
    is_kept = len(profile) <= _LARGEST_KEPT_BYTES
    try:
        transform = (_transform if is_kept else _transform.__wrapped__)(profile, image.mode)
    except _Refused as err:
        return image.convert("RGB"), (f"colour profile ignored: {err}",)
    if transform is None:
        return image.convert("RGB"), ()
    return transform.apply(image), ()


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> "ImageCms.ImageCmsTransform | None":
    """How colours change, None if next to nothing; the profiles of one camera are all the same.

    Raises:
        _Refused: the profile is damaged, or is not for such a picture.
    """
    from PIL import ImageCms  # noqa: PLC0415 - most pictures have no profile

    if len(profile) > _LARGEST_BYTES:
        raise _Refused(f"it has {len(profile)} bytes")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space != _COLOUR_SPACES[mode]:
            raise _Refused(f"it is for {space}, the picture is {_COLOUR_SPACES[mode]}")
        transform = ImageCms.ImageCmsTransform(
            source,
            _srgb(),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if mode == "RGB" and _changes_nothing(transform) else transform
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError) as err:
        raise _Refused("it is damaged") from err


def _changes_nothing(transform: "ImageCms.ImageCmsTransform") -> bool:
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(9, 81, 3)
    changed = np.asarray(transform.apply(Image.fromarray(colours)))
    return bool(np.abs(changed.astype(np.int16) - colours).max() <= _UNSEEN)


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms  # noqa: PLC0415 - such pictures are rare

    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCms.ImageCmsTransform(lab, _srgb(), "LAB", "RGB").apply(image)


@cache
def _srgb() -> "ImageCms.ImageCmsProfile":
    from PIL import ImageCms  # noqa: PLC0415 - most pictures have no profile

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
