"""Pictures as laboratories have them, made from photographs: no camera has taken them.

Each kind has a share of all pictures and a function that makes one from a photograph. Camera
pictures are photographs scaled up, with noise as a sensor has it, so that they compress as badly as
real ones, with EXIF, a thumbnail in it, and an orientation.
"""

import io
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

#: Widths and heights of sensors with 3 to 22 megapixels.
_SENSORS: Final = (
    *((2048, 1536), (3264, 2448), (4000, 3000), (4032, 3024), (4608, 3456)),
    *((5472, 3648), (5760, 3840)),
)
_PHONE: Final = (4032, 3024)
_SCREENS: Final = ((1920, 1080), (2560, 1440), (1366, 768), (1170, 2532))
#: EXIF's numbers for upright, upside down, and turned by a quarter either way.
_ORIENTATIONS: Final = (1, 1, 1, 3, 6, 6, 8)
#: A sensor's noise: its variance grows with the light.
_SHOT, _READ = 0.12, 2.0
_NOISE_SIDE: Final = 1024
_PROGRESSIVE: Final = 0.15
_EXIF_THUMBNAIL: Final = (160, 120)


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes:
        share: of all pictures, 0 to 1.
        suffix: of its files.
        make: encodes one from a photograph.
    """

    share: float
    suffix: str
    make: Callable[[Image.Image, random.Random], bytes]


def make_camera_jpeg(photograph: Image.Image, chance: random.Random) -> bytes:
    """3 to 22 megapixels, EXIF with a thumbnail, turned or not, some progressive."""
    orientation = chance.choice(_ORIENTATIONS)
    taken = _take(photograph, chance.choice(_SENSORS), chance)
    thumbnail = io.BytesIO()
    taken.resize(_EXIF_THUMBNAIL).save(thumbnail, "JPEG", quality=70)
    encoded = io.BytesIO()
    taken.save(
        encoded,
        "JPEG",
        quality=chance.choice((85, 88, 90)),
        progressive=chance.random() < _PROGRESSIVE,
        exif=_exif(orientation, thumbnail.getvalue()),
    )
    return encoded.getvalue()


def make_phone_heic(photograph: Image.Image, chance: random.Random) -> bytes:
    """12 megapixels, as phones store them."""
    from pillow_heif import register_heif_opener  # noqa: PLC0415 - only for this kind

    register_heif_opener()
    encoded = io.BytesIO()
    exif = _exif(chance.choice(_ORIENTATIONS), b"")
    _take(photograph, _PHONE, chance).save(encoded, "HEIF", quality=55, exif=exif)
    return encoded.getvalue()


def make_screenshot(photograph: Image.Image, chance: random.Random) -> bytes:
    """A desktop or a phone's screen: windows, lines of text and a photograph, as PNG."""
    width, height = chance.choice(_SCREENS)
    screen = Image.new("RGB", (width, height), _grey(chance, 200))
    draw = ImageDraw.Draw(screen)
    for _ in range(3):
        left, top = chance.randrange(width // 2), chance.randrange(height // 2)
        draw.rectangle((left, top, left + width // 2, top + height // 2), fill=_grey(chance, 230))
        for line in range(top + 20, top + height // 2 - 20, 18):
            words = " ".join("m" * chance.randrange(2, 9) for _ in range(12))
            draw.text((left + 12, line), words, fill=_grey(chance, 0))
    shown = photograph.resize((width // 3, height // 3))
    screen.paste(shown, (width // 2, height // 2))
    encoded = io.BytesIO()
    screen.save(encoded, "PNG")
    return encoded.getvalue()


def make_web_thumbnail(photograph: Image.Image, chance: random.Random) -> bytes:
    """100 to 320 pixels, JPEG, as caches of browsers are full of."""
    side = chance.randrange(100, 321)
    small = photograph.copy()
    small.thumbnail((side, side))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=75)
    return encoded.getvalue()


def make_photograph(photograph: Image.Image, chance: random.Random) -> bytes:  # noqa: ARG001 - as the others
    """The photograph in its own size."""
    encoded = io.BytesIO()
    photograph.save(encoded, "JPEG", quality=95)
    return encoded.getvalue()


#: The mix: the shares are our choice, no survey.
KINDS: Final = {
    "camera": Kind(0.30, "jpg", make_camera_jpeg),
    "phone": Kind(0.15, "heic", make_phone_heic),
    "screenshot": Kind(0.10, "png", make_screenshot),
    "thumbnail": Kind(0.25, "jpg", make_web_thumbnail),
    "photograph": Kind(0.20, "jpg", make_photograph),
}


def _take(photograph: Image.Image, size: tuple[int, int], chance: random.Random) -> Image.Image:
    """What a sensor of this size gives: the photograph scaled up, and noise."""
    turned = photograph if photograph.width >= photograph.height else photograph.rotate(90)
    light = np.asarray(turned.resize(size, Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(chance.randrange(2**32)).normal(
        size=(_NOISE_SIDE, _NOISE_SIDE, 3)
    )
    # Neighbours are alike, because each pixel has only one of the colours.
    noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / 3**0.5
    repeats = (-(-size[1] // _NOISE_SIDE), -(-size[0] // _NOISE_SIDE), 1)
    grain = np.tile(noise.astype(np.float32), repeats)[: size[1], : size[0]]
    taken: npt.NDArray[np.float32] = light + grain * np.sqrt(_SHOT * light + _READ)
    return Image.fromarray(taken.clip(0, 255).astype(np.uint8))


def _exif(orientation: int, thumbnail: bytes) -> bytes:
    """EXIF with an orientation, and a JPEG thumbnail in its second directory."""
    make, model = b"made\0\0\0\0", b"for benchmarks\0\0"
    after = 8 + 2 + 3 * 12 + 4
    first = (
        struct.pack("<H", 3)
        + struct.pack("<HHII", 0x010F, 2, len(make), after)
        + struct.pack("<HHII", 0x0110, 2, len(model), after + len(make))
        + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    )
    second_at = after + len(make) + len(model) if thumbnail else 0
    tiff = b"II*\0" + struct.pack("<I", 8) + first + struct.pack("<I", second_at) + make + model
    if thumbnail:
        tiff += (
            struct.pack("<H", 3)
            + struct.pack("<HHIHH", 0x0103, 3, 1, 6, 0)
            + struct.pack("<HHII", 0x0201, 4, 1, second_at + 2 + 3 * 12 + 4)
            + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
            + struct.pack("<I", 0)
            + thumbnail
        )
    return b"Exif\0\0" + tiff


def _grey(chance: random.Random, least: int) -> tuple[int, int, int]:
    shade = chance.randrange(least, least + 25)
    return shade, shade, shade
