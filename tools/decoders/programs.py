"""Independent decoders: programs that show a picture as a PNG."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Pixels = npt.NDArray[np.uint8]

#: Sides of the pictures that are compared and shown.
SIDE: Final = 96
#: What shows where a picture is transparent, as in the product.
_GROUND: Final = (127, 127, 127)


@dataclass(frozen=True, slots=True)
class Program:
    """A decoder.

    Attributes:
        name: as it is shown.
        command: of the file and of the PNG to write.
        endings: of the names that it is tried on; none for any.
    """

    name: str
    command: Callable[[str, str], list[str]]
    endings: tuple[str, ...] = ()


def _magick(file: str, png: str) -> list[str]:
    return [
        *("convert", "-limit", "memory", "2GiB", "-limit", "disk", "0", f"{file}[0]"),
        *("-auto-orient", "-background", "rgb(127,127,127)", "-alpha", "remove"),
        *("-colorspace", "sRGB", "-resize", f"{SIDE}x{SIDE}!", "-depth", "8", f"png24:{png}"),
    ]


def _vips(file: str, png: str) -> list[str]:
    return [
        "vipsthumbnail",
        file,
        "--size",
        f"{SIDE}x{SIDE}!",
        "--export-profile",
        "srgb",
        "-o",
        png,
    ]


def _ffmpeg(file: str, png: str) -> list[str]:
    scale = f"scale={SIDE}:{SIDE}:flags=area"
    return [
        "ffmpeg",
        "-v",
        "error",
        "-threads",
        "1",
        "-i",
        file,
        "-frames:v",
        "1",
        "-vf",
        scale,
        png,
    ]


_ALL: Final = (
    Program("ImageMagick", _magick),
    Program("libvips", _vips),
    Program("ffmpeg", _ffmpeg),
    Program(
        "libheif",
        lambda file, png: ["heif-convert", file, png],
        (".heic", ".heif", ".hif", ".avif"),
    ),
    Program("libjxl", lambda file, png: ["djxl", file, png], (".jxl",)),
    Program(
        "OpenJPEG",
        lambda file, png: ["opj_decompress", "-i", file, "-o", png],
        (".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jph", ".jhc"),
    ),
)


@cache
def installed() -> list[Program]:
    """Those that are installed here."""
    return [each for each in _ALL if shutil.which(each.command("", "")[0])]


def show(program: Program, file: Path, timeout_s: float) -> Pixels | None:
    """(S, S, 3) of what a program shows; None if it shows nothing in time."""
    if program.endings and file.suffix.lower() not in program.endings:
        return None
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder, "shown.png")
        try:
            subprocess.run(
                program.command(str(file), str(png)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
            return to_pixels(png.read_bytes())
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None


def to_pixels(png: bytes) -> Pixels:
    """A PNG in sRGB, on grey, shrunk."""
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        profile = image.info.get("icc_profile")
        is_wide = image.mode.startswith("I")
        narrow = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if is_wide else image
        flat = narrow.convert("RGBA")
    ground = Image.new("RGBA", flat.size, (*_GROUND, 255))
    rgb = Image.alpha_composite(ground, flat).convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(rgb, source, ImageCms.createProfile("sRGB"))
            rgb = converted or rgb
        except ImageCms.PyCMSError:
            pass
    return np.asarray(rgb.resize((SIDE, SIDE), Image.Resampling.BOX))
