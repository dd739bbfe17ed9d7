"""Pictures of all modes, sizes and orientations, made from a seed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

#: Large, small, square, narrow, the network's own, one pixel.
_SIZES = ((640, 480), (37, 53), (300, 300), (900, 31), (3, 500), (224, 224), (225, 223), (1, 1))

_EXIF = ExifTags.Base.Orientation


def write_odd_pictures(folder: Path, count: int = 50) -> list[Path]:
    """Writes that many, all different, and returns their paths sorted by name."""
    random = np.random.default_rng(11)
    makers = list(_makers())
    paths = []
    for number in range(count):
        name, make = makers[number % len(makers)]
        image = _scene(random, _SIZES[number % len(_SIZES)])
        stem, _, suffix = name.partition(".")
        path = folder / f"{number:02}-{stem}.{suffix}"
        make(image, path, random)
        paths.append(path)
    return paths


Maker = Callable[[Image.Image, Path, np.random.Generator], None]


def _makers() -> Iterator[tuple[str, Maker]]:
    for turn in range(1, 9):
        yield f"turned-{turn}.jpg", _jpeg(exif=turn)
    yield "alpha.png", _with_alpha("RGBA", "PNG")
    yield "alpha.webp", _with_alpha("RGBA", "WEBP", lossless=True)
    yield "grey-alpha.png", _with_alpha("LA", "PNG")
    for mode in ("L", "1", "P", "I;16"):
        yield f"mode-{mode.replace(';', '')}.png", _in_mode(mode, "PNG")
    yield "cmyk.jpg", _in_mode("CMYK", "JPEG")
    yield "grey.jpg", _in_mode("L", "JPEG")
    yield "plain.bmp", _in_mode("RGB", "BMP")
    yield "palette.gif", _in_mode("P", "GIF")
    yield "cmyk.tif", _in_mode("CMYK", "TIFF")
    yield "progressive.jpg", _jpeg(progressive=True)
    yield "transparent-palette.png", _transparent_palette


def _scene(random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Patches of colour of random size, sharpness, contrast and noise."""
    width, height = size
    across, down = random.integers(1, 60, 2)
    patches = Image.fromarray(random.integers(0, 256, (down, across, 3), dtype=np.uint8))
    filters = (Image.Resampling.NEAREST, Image.Resampling.BICUBIC)
    pixels = np.asarray(patches.resize(size, filters[random.integers(2)])).astype(np.float32)
    faint = 128 + (pixels - 128) * random.uniform(0.2, 1)
    noisy = faint + random.normal(0, random.uniform(0, 40), (height, width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _jpeg(exif: int | None = None, **options: Any) -> Maker:
    def make(image: Image.Image, path: Path, _random: np.random.Generator) -> None:
        tags = Image.Exif()
        if exif is not None:
            tags[_EXIF] = exif
        image.save(path, "JPEG", quality=90, exif=tags, **options)

    return make


def _with_alpha(mode: str, kind: str, **options: Any) -> Maker:
    def make(image: Image.Image, path: Path, random: np.random.Generator) -> None:
        mixed = image.convert(mode)
        alpha = random.integers(0, 256, (image.height, image.width), dtype=np.uint8)
        mixed.putalpha(Image.fromarray(alpha))
        mixed.save(path, kind, exact=True, **options) if kind == "WEBP" else mixed.save(path, kind)

    return make


def _in_mode(mode: str, kind: str) -> Maker:
    def make(image: Image.Image, path: Path, _random: np.random.Generator) -> None:
        if mode == "I;16":
            wide = np.asarray(image.convert("L")).astype(np.uint16) * 257
            Image.fromarray(wide).save(path, kind)
        else:
            image.convert(mode, dither=Image.Dither.NONE).save(path, kind)

    return make


def _transparent_palette(image: Image.Image, path: Path, _random: np.random.Generator) -> None:
    image.quantize(16).save(path, "PNG", transparency=3)
