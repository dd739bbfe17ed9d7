"""Opens a picture of a known format: its header is read and checked, its pixels not yet."""

import contextlib
import importlib
import io
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image, UnidentifiedImageError

from taskworker_classifyimage.decode import jpeg_xl, segments, tiff
from taskworker_classifyimage.decode.cursor import as_icon
from taskworker_classifyimage.decode.identify import Format
from taskworker_classifyimage.decode.listing import is_installed, version_of
from taskworker_classifyimage.decode.orientation import heic_orientation
from taskworker_classifyimage.decode.png import widen_transparent_shade, without_remarks
from taskworker_classifyimage.decode.rare_tiff import is_rare, open_rare_tiff
from taskworker_classifyimage.decode.sizes import hidden_sizes
from taskworker_classifyimage.errors import (
    DamagedPicture,
    TaskError,
    TooLarge,
    UnsupportedFormat,
    one_line,
)

#: Pillow's name for a format, and the module that is imported when the first such file comes.
PILLOW: Final = {
    Format.JPEG: ("JPEG", "JpegImagePlugin"),
    Format.PNG: ("PNG", "PngImagePlugin"),
    Format.GIF: ("GIF", "GifImagePlugin"),
    Format.WEBP: ("WEBP", "WebPImagePlugin"),
    Format.TIFF: ("TIFF", "TiffImagePlugin"),
    Format.BMP: ("BMP", "BmpImagePlugin"),
    Format.ICO: ("ICO", "IcoImagePlugin"),
    Format.CUR: ("ICO", "IcoImagePlugin"),
    Format.TGA: ("TGA", "TgaImagePlugin"),
    Format.PCX: ("PCX", "PcxImagePlugin"),
    Format.PNM: ("PPM", "PpmImagePlugin"),
    Format.PSD: ("PSD", "PsdImagePlugin"),
    Format.DDS: ("DDS", "DdsImagePlugin"),
    Format.JPEG_2000: ("JPEG2000", "Jpeg2KImagePlugin"),
    Format.AVIF: ("AVIF", "AvifImagePlugin"),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture whose header is read.

    Attributes:
        image: of Pillow's; its pixels are decoded when they are asked for.
        width: in pixels, as stored.
        height: in pixels, as stored.
        orientation: by EXIF, 1 to 8; None where that may come behind the pixels.
        is_turned: whether the decoder turns the picture upright by itself.
        decoder: library and version.
        warnings: what is wrong with the file and not with its pixels.
    """

    image: Image.Image
    width: int
    height: int
    orientation: int | None
    is_turned: bool
    decoder: str
    warnings: tuple[str, ...] = ()


def open_picture(kind: Format, encoded: bytes, limit_pixels: int) -> Opened:
    """Reads the header only, but of the rare formats that Pillow does not know.

    Raises:
        UnsupportedFormat: the library for this format is missing, or cannot do this kind of it.
        DamagedPicture: the header is damaged.
        TooLarge: it has more pixels than the limit.
    """
    # The library's own limit warns instead of refusing; `check_size` takes its place.
    Image.MAX_IMAGE_PIXELS = None
    try:
        for width, height in hidden_sizes(kind, encoded):
            check_size(width, height, limit_pixels)
        if kind is Format.JPEG_XL:
            return _open_jpeg_xl(encoded, limit_pixels)
        if kind is Format.HEIC:
            return _open_heic(encoded, limit_pixels)
        if kind is Format.TIFF:
            return _open_tiff(encoded, limit_pixels)
        if kind is Format.PNG:
            return _open_png(encoded, limit_pixels)
        if kind is Format.CUR:
            encoded = as_icon(encoded)
        return _open_pillow(kind, encoded, limit_pixels)
    except TaskError:
        raise
    except MemoryError:
        raise TooLarge("the picture needs more memory than there is") from None
    except Exception as err:
        # Decoders meet hostile files and raise anything: struct.error, SyntaxError, IndexError.
        raise DamagedPicture(f"the {kind} picture's header is damaged: {one_line(err)}") from err


def check_size(width: int, height: int, limit_pixels: int) -> None:
    """Before anything is decoded.

    Raises:
        TooLarge: it has more pixels than the limit.
        DamagedPicture: it has none.
    """
    if width * height > limit_pixels:
        raise TooLarge(f"the picture has {width} x {height} pixels, allowed are {limit_pixels}")
    if width < 1 or height < 1:
        raise DamagedPicture(f"the picture's header says it has {width} x {height} pixels")


def load_plugin(kind: Format) -> str:
    """Makes Pillow know a format; gives its name for it."""
    name, module = PILLOW[kind]
    if name not in Image.OPEN:
        plugin = importlib.import_module(f"PIL.{module}")
        if kind is Format.AVIF:
            # More threads would take cores from other pictures.
            vars(plugin)["DEFAULT_MAX_THREADS"] = 1
    return name


def load_heif() -> None:
    """Makes Pillow know HEIC; raises `ImportError` if the library is not installed."""
    if "HEIF" not in Image.OPEN:
        pillow_heif = importlib.import_module("pillow_heif")
        # Only the picture itself is asked for, and threads would take cores from other pictures.
        pillow_heif.register_heif_opener(
            decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
        )


def _open_pillow(kind: Format, encoded: bytes, limit_pixels: int) -> Opened:
    name = load_plugin(kind)
    try:
        image = Image.open(io.BytesIO(encoded), formats=(name,))
    except (UnidentifiedImageError, NotImplementedError) as err:
        if isinstance(err, NotImplementedError) or _is_of_another_kind(kind, encoded):
            raise UnsupportedFormat(
                f"the file is a {kind} picture of a kind that is not decoded here"
            ) from None
        raise DamagedPicture(f"the {kind} picture's header is damaged") from None
    check_size(*image.size, limit_pixels)
    return Opened(image, *image.size, None, False, version_of("Pillow", kind))


def _is_of_another_kind(kind: Format, encoded: bytes) -> bool:
    """Whether a picture is sound for all that is known, and this Pillow does not decode it."""
    if kind in (Format.AVIF, Format.WEBP):
        return not importlib.import_module(f"PIL.{PILLOW[kind][1]}").SUPPORTED
    if kind is Format.PSD:
        return encoded[22:24] in (b"\0\x10", b"\0\x20")  # bits of a channel
    return kind is Format.JPEG and segments.is_of_another_kind(encoded)


def _open_png(encoded: bytes, limit_pixels: int) -> Opened:
    try:
        opened = _open_pillow(Format.PNG, encoded, limit_pixels)
    except TooLarge:
        raise
    except Exception:  # noqa: BLE001 - a damaged remark or profile says nothing about the pixels
        opened = _open_pillow(Format.PNG, without_remarks(encoded), limit_pixels)
        opened = replace(opened, warnings=("damaged: decoded without profile and remarks",))
    widen_transparent_shade(opened.image)
    return opened


def _open_tiff(encoded: bytes, limit_pixels: int) -> Opened:
    directory = next(tiff.directories(encoded), None)
    if directory is None:
        raise DamagedPicture("the TIFF picture is truncated: its directory is not there")
    width, height = (tiff.first(directory, tag, 0) for tag in (tiff.WIDTH, tiff.LENGTH))
    check_size(width, height, limit_pixels)
    # A tile is decoded whole, however little of it lies within the picture.
    across, down = (tiff.first(directory, tag) for tag in (tiff.TILE_WIDTH, tiff.TILE_LENGTH))
    check_size(across, down, limit_pixels)
    orientation = tiff.orientation_of(directory)
    if not is_rare(directory):
        with contextlib.suppress(DamagedPicture):
            image = _open_pillow(Format.TIFF, encoded, limit_pixels).image
            decoder = version_of("Pillow", Format.TIFF)
            return Opened(image, width, height, orientation, True, decoder)
    image = open_rare_tiff(encoded, directory)
    return Opened(image, width, height, orientation, False, version_of("imagecodecs"))


def _open_heic(encoded: bytes, limit_pixels: int) -> Opened:
    try:
        load_heif()
    except ImportError:
        raise UnsupportedFormat(
            "the file is a HEIC picture, and pillow-heif, which decodes it, is not installed"
        ) from None
    try:
        image = Image.open(io.BytesIO(encoded), formats=("HEIF",))
    except UnidentifiedImageError:
        raise DamagedPicture("the HEIC picture's header is damaged") from None
    check_size(*image.size, limit_pixels)
    return _turned(image, heic_orientation(encoded), version_of("pillow-heif"))


def _open_jpeg_xl(encoded: bytes, limit_pixels: int) -> Opened:
    if not is_installed("imagecodecs"):
        raise UnsupportedFormat(
            "the file is a JPEG XL picture, and imagecodecs, which decodes it, is not installed"
        )
    header = jpeg_xl.read_header(encoded)
    check_size(header.width, header.height, limit_pixels)
    image = jpeg_xl.open_jpeg_xl(encoded, header)
    return _turned(image, header.orientation, version_of("imagecodecs"))


def _turned(image: Image.Image, orientation: int, decoder: str) -> Opened:
    """A picture that its decoder turns; on its side, it is stored the other way round."""
    width, height = image.size if orientation < 5 else (image.height, image.width)
    return Opened(image, width, height, orientation, True, decoder)
